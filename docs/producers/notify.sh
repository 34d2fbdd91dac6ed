#!/bin/sh
# Puts a notification on a mailbox's queue: notify.sh QUEUE_URL INVOICE TO
# The id names what happened, so asking again for the same invoice is no second mail. What is put into the JSON here has to
# be without quotation marks and backslashes.
set -eu
aws sqs send-message --queue-url "$1" --message-body file:///dev/stdin <<END
{
  "id": "invoice-$2-issued",
  "to": "$3",
  "subject": "Your invoice $2",
  "text": "Dear customer,\n\nyour invoice is ready.\n\nContoso"
}
END
