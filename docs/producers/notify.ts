// Puts a notification on a mailbox's queue.

import { SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";

/** Asks for one mail. The id names what happened, so asking again for the same invoice is no second mail. */
export async function notify(sqs: SQSClient, queueUrl: string, invoice: string, to: string): Promise<void> {
  const notification = {
    id: `invoice-${invoice}-issued`,
    to,
    subject: `Your invoice ${invoice}`,
    text: "Dear customer,\n\nyour invoice is ready.\n\nContoso",
  };
  await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: JSON.stringify(notification) }));
}
