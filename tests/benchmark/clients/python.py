"""Sends with smtplib of Python's standard library, over one connection. The arguments are those of job.rs."""

import smtplib
import ssl
import sys
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path

host, port, certificate, token, count, text_file, attached = sys.argv[1:8]
text = Path(text_file).read_text()
file = None if attached == "-" else Path(attached).read_bytes()
context = ssl.create_default_context(cafile=certificate)


def pause(word: str) -> None:
    print(word, flush=True)
    sys.stdin.readline()


def xoauth2(challenge: bytes | None = None) -> str:
    return f"user=billing@contoso.com\x01auth=Bearer {token}\x01\x01"


def message() -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "billing@contoso.com"
    mail["To"] = "anna@example.com"
    mail["Subject"] = "Your invoice"
    mail["Message-ID"] = make_msgid(domain="contoso.com")
    mail.set_content(text)
    if file is not None:
        mail.add_attachment(file, maintype="application", subtype="octet-stream", filename="invoice.pdf")
    return mail


pause("ready")
server = smtplib.SMTP(host, int(port), local_hostname="[198.18.0.2]")
server.starttls(context=context)
server.ehlo()
server.auth("XOAUTH2", xoauth2)
for _ in range(int(count)):
    server.send_message(message())
pause("done")
server.quit()
