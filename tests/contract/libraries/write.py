"""Writes messages with Python's own library, and prints each in base64 on a line."""

import base64
import email.message
import email.policy

for policy in (email.policy.SMTP, email.policy.SMTP.clone(cte_type="7bit")):
    message = email.message.EmailMessage(policy=policy)
    message["From"] = "Contoso Billing <billing@contoso.com>"
    message["To"] = "Anna <anna@example.com>, bob@example.com"
    message["Reply-To"] = "help@contoso.com"
    message["Subject"] = "Your invoice 4711 – Grüße"
    message["X-Campaign"] = "autumn"
    message.set_content("Dear Anna,\n\nGrüße!")
    message.add_alternative("<p>Dear Anna,</p><p>Grüße!</p>", subtype="html")
    message.add_attachment("Total: 12 €\n".encode(), maintype="text", subtype="plain", filename="invoice.txt")
    print(base64.b64encode(message.as_bytes()).decode())
