"""Reads each message named on the command line with Python's own library, which raises whatever defect it finds."""

import email
import email.policy
import pathlib
import sys

POLICY = email.policy.strict + email.policy.SMTP
for name in sys.argv[1:]:
    # A checkout may have turned the ends of lines.
    octets = pathlib.Path(name).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    message = email.message_from_bytes(octets, policy=POLICY)
    assert message["From"].addresses and message["Date"].datetime and message["Message-ID"], name
    for header, value in message.items():
        assert not value.defects, (name, header, value.defects)
    for part in message.walk():
        assert not part.defects, (name, part.defects)
        if not part.is_multipart():
            part.get_content()
    print(name)
