// Sends one mail through the client library of each vendor, against a server on loopback, and prints the request bodies:
// one JSON object a line, with its `format`. The last is a whole message that nodemailer has written.

import http from "node:http";
import { once } from "node:events";

const bodies = [];
const server = http.createServer((request, response) => {
  let body = "";
  request.on("data", (chunk) => (body += chunk));
  request.on("end", () => {
    bodies.push(JSON.parse(body));
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ id: "1", MessageId: "1", ErrorCode: 0, Message: "OK" }));
  });
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const host = `127.0.0.1:${server.address().port}`;
const url = `http://${host}`;
process.env.RESEND_BASE_URL = url;

const file = Buffer.from("Total: 12 €\n");
const text = "Dear Anna,\n\nGrüße!";
const html = "<p>Dear Anna,</p><p>Grüße!</p>";
const subject = "Your invoice 4711 – Grüße";

async function captured(format, send) {
  await send();
  process.stdout.write(JSON.stringify({ ...bodies.pop(), format }) + "\n");
}

await captured("postmark", async () => {
  const { ServerClient } = await import("postmark");
  const client = new ServerClient("token", { useHttps: false, requestHost: host });
  await client.sendEmail({
    From: "Contoso Billing <billing@contoso.com>",
    To: "Anna <anna@example.com>, bob@example.com",
    Subject: subject,
    TextBody: text,
    HtmlBody: html,
    ReplyTo: "help@contoso.com",
    Headers: [{ Name: "X-Campaign", Value: "autumn" }],
    Attachments: [{ Name: "invoice.txt", Content: file.toString("base64"), ContentType: "text/plain", ContentID: null }],
    MessageStream: "outbound",
  });
});

await captured("resend", async () => {
  const { Resend } = await import("resend");
  const { error } = await new Resend("re_key").emails.send({
    from: "Contoso Billing <billing@contoso.com>",
    to: ["Anna <anna@example.com>", "bob@example.com"],
    subject,
    text,
    html,
    replyTo: "help@contoso.com",
    headers: { "X-Campaign": "autumn" },
    attachments: [{ filename: "invoice.txt", content: file, contentType: "text/plain" }],
  });
  if (error) throw new Error(JSON.stringify(error));
});

await captured("sendgrid.v3", async () => {
  const { default: mail } = await import("@sendgrid/mail");
  mail.setApiKey("SG.key");
  mail.client.setDefaultRequest("baseUrl", url);
  await mail.send({
    from: "Contoso Billing <billing@contoso.com>",
    to: ["Anna <anna@example.com>", "bob@example.com"],
    subject,
    text,
    html,
    replyTo: "help@contoso.com",
    headers: { "X-Campaign": "autumn" },
    attachments: [{ filename: "invoice.txt", content: file.toString("base64"), type: "text/plain", disposition: "attachment" }],
  });
});

await captured("ses.v2", async () => {
  const { SESv2Client, SendEmailCommand } = await import("@aws-sdk/client-sesv2");
  const client = new SESv2Client({
    region: "eu-west-1",
    endpoint: url,
    credentials: { accessKeyId: "key", secretAccessKey: "secret" },
  });
  await client.send(
    new SendEmailCommand({
      FromEmailAddress: "Contoso Billing <billing@contoso.com>",
      Destination: { ToAddresses: ["Anna <anna@example.com>", "bob@example.com"] },
      ReplyToAddresses: ["help@contoso.com"],
      Content: {
        Simple: {
          Subject: { Data: subject, Charset: "UTF-8" },
          Body: { Text: { Data: text }, Html: { Data: html } },
          Headers: [{ Name: "X-Campaign", Value: "autumn" }],
          Attachments: [{ FileName: "invoice.txt", RawContent: file, ContentType: "text/plain" }],
        },
      },
    }),
  );
});

const { default: nodemailer } = await import("nodemailer");
const letter = {
  from: "Contoso Billing <billing@contoso.com>",
  to: ["Anna <anna@example.com>", "bob@example.com"],
  subject,
  text,
  html,
  replyTo: "help@contoso.com",
  headers: { "X-Campaign": "autumn" },
  attachments: [{ filename: "invoice.txt", content: file, contentType: "text/plain" }],
};
await captured("nodemailer", async () => {
  const { message } = await nodemailer.createTransport({ jsonTransport: true }).sendMail(letter);
  bodies.push(JSON.parse(message));
});
await captured("nodemailer", async () => bodies.push(JSON.parse(JSON.stringify(letter))));
await captured(undefined, async () => {
  const transport = nodemailer.createTransport({ streamTransport: true, buffer: true });
  const { message } = await transport.sendMail({ ...letter, newline: "windows" });
  bodies.push({ raw: message.toString("base64") });
});

server.close();
server.closeAllConnections();
