"""Reads each message named on the command line with Python's own library, which raises whatever defect it finds."""

import email
import email.errors
import email.policy
import pathlib
import sys

for name in sys.argv[1:]:
    # A checkout may have turned the ends of lines.
    octets = pathlib.Path(name).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if octets.isascii():
        message = email.message_from_bytes(octets, policy=email.policy.strict + email.policy.SMTP)
    else:
        message = email.message_from_string(octets.decode(), policy=email.policy.strict + email.policy.SMTPUTF8)
    assert message["From"].addresses and message["Date"].datetime and message["Message-ID"], name
    for header, value in message.items():
        # This one it notes for every local part in UTF-8, under a policy that allows them too.
        allowed = () if octets.isascii() else email.errors.NonASCIILocalPartDefect
        defects = [defect for defect in value.defects if not isinstance(defect, allowed)]
        assert not defects, (name, header, defects)
    for part in message.walk():
        assert not part.defects, (name, part.defects)
        if not part.is_multipart():
            part.get_content()
    print(name)
