"""Puts a notification on a mailbox's queue: notify.py QUEUE_URL INVOICE TO"""

import json
import sys

import boto3


def notify(sqs, queue_url, invoice, to):
    """Asks for one mail. The id names what happened, so asking again for the same invoice is no second mail."""
    notification = {
        "id": f"invoice-{invoice}-issued",
        "to": to,
        "subject": f"Your invoice {invoice}",
        "text": "Dear customer,\n\nyour invoice is ready.\n\nContoso",
    }
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(notification))


if __name__ == "__main__":
    notify(boto3.client("sqs"), *sys.argv[1:])
