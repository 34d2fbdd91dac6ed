// Sends with nodemailer, one connection in its pool. The arguments are those of job.rs.
import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';
import { createTransport } from 'nodemailer';

const [host, port, certificate, accessToken, count, textFile, attached] = process.argv.slice(2);
const text = readFileSync(textFile, 'utf8');
const file = attached === '-' ? undefined : readFileSync(attached);
const transport = createTransport({
  host,
  port: Number(port),
  requireTLS: true,
  tls: { ca: readFileSync(certificate) },
  auth: { type: 'OAuth2', user: 'billing@contoso.com', accessToken },
  pool: true,
  maxConnections: 1,
  maxMessages: Infinity,
});

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const pause = async (word) => {
  process.stdout.write(`${word}\n`);
  await lines.next();
};

await pause('ready');
for (let number = 0; number < Number(count); number += 1) {
  await transport.sendMail({
    from: 'billing@contoso.com',
    to: 'anna@example.com',
    subject: 'Your invoice',
    text,
    attachments: file ? [{ filename: 'invoice.pdf', content: file }] : [],
  });
}
await pause('done');
transport.close();
