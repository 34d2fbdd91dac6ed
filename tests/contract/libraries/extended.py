"""Sends what it reads with the SQS extended client, as a producer whose body is larger than a queue takes. Nothing leaves this
machine: it prints what the client has put into the bucket and on the queue, as JSON."""

import json
import sys

import boto3
import sqs_extended_client  # noqa: F401 - it extends boto3 when it is imported
from botocore.stub import Stubber

QUEUE = "https://sqs.eu-west-1.amazonaws.com/000000000000/contoso_billing"
put = {}
sent = {}


class Bucket:
    """Keeps what is put into it."""

    def put_object(self, **given):
        put.update(given)


account = {"region_name": "eu-west-1", "aws_access_key_id": "key", "aws_secret_access_key": "secret"}
sqs = boto3.client("sqs", **account)
sqs.large_payload_support = "pillarbox-bucket"
sqs.use_legacy_attribute = sys.argv[1] == "legacy"
sqs.s3_client = Bucket()
sqs.meta.events.register("provide-client-params.sqs.SendMessage", lambda params, **_: sent.update(params))
with Stubber(sqs) as stub:
    stub.add_response("send_message", {"MessageId": "message-1"})
    sqs.send_message(
        QueueUrl=QUEUE,
        MessageBody=sys.stdin.read(),
        MessageAttributes={"S3Key": {"DataType": "String", "StringValue": "mailboxes/billing/4711.json"}},
    )
print(json.dumps({
    "bucket": put["Bucket"],
    "key": put["Key"],
    "object": put["Body"].decode(),
    "body": sent["MessageBody"],
    "attributes": sorted(sent["MessageAttributes"]),
}))
