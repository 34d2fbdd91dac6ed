"""aiosmtpd as a submission server: STARTTLS, and XOAUTH2 with tokens whose signature it checks.

Arguments: a directory and a JSON object. The directory has `certificate.pem` and `key.pem`; the number of the port
that the server listens on is written to `port`, and each message it takes to `1.eml`, `2.eml` and so on. The object has
`keys`, a JSON Web Key Set, and `size`, the largest message.
"""

import asyncio
import base64
import hashlib
import json
import pathlib
import ssl
import sys
import time

from aiosmtpd.smtp import MISSING, SMTP, AuthResult

# What stands before a SHA-256 hash in a signature of RSASSA-PKCS1-v1_5 (RFC 8017, section 9.2).
SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(text):
    return int.from_bytes(decoded(text), "big")


def claims(token, keys):
    """The claims of a token that one of the keys has signed (RFC 7515, RS256)."""
    signed, _, signature = token.rpartition(".")
    header, _, payload = signed.partition(".")
    kid = json.loads(decoded(header))["kid"]
    key = next(key for key in keys if key["kid"] == kid)
    modulus = number(key["n"])
    length = (modulus.bit_length() + 7) // 8
    hashed = SHA256 + hashlib.sha256(signed.encode()).digest()
    expected = b"\x00\x01" + b"\xff" * (length - len(hashed) - 3) + b"\x00" + hashed
    if pow(number(signature), number(key["e"]), modulus) != int.from_bytes(expected, "big"):
        raise ValueError("the signature is wrong")
    return json.loads(decoded(payload))


def is_good(blob, keys):
    user, bearer = blob.decode().removesuffix("\x01\x01").split("\x01")
    found = claims(bearer.removeprefix("auth=Bearer "), keys)
    return found["upn"] == user.removeprefix("user=") and found["exp"] > time.time()


class Patient(SMTP):
    """Reads the lines of the AUTH exchange, which may have 12,288 octets (RFC 4954, section 4)."""

    line_length_limit = 12288 + 2


class Office:
    def __init__(self, directory, keys):
        self.directory = directory
        self.keys = keys
        self.taken = 0

    async def auth_XOAUTH2(self, server, args):
        blob = await server.challenge_auth("")
        if blob is MISSING:
            return AuthResult(success=False)
        try:
            return AuthResult(success=is_good(blob, self.keys), handled=False)
        except (ValueError, LookupError, StopIteration):
            return AuthResult(success=False, handled=False)

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        self.taken += 1
        (self.directory / f"{self.taken}.eml").write_bytes(envelope.original_content)
        return f"250 2.0.0 Kept as {self.taken}"


async def main():
    directory = pathlib.Path(sys.argv[1])
    settings = json.loads(sys.argv[2])
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(directory / "certificate.pem", directory / "key.pem")
    office = Office(directory, settings["keys"]["keys"])

    def session():
        return Patient(
            office,
            hostname="localhost",
            data_size_limit=settings["size"],
            enable_SMTPUTF8=True,
            tls_context=tls,
            require_starttls=True,
            auth_required=True,
            auth_exclude_mechanism=["LOGIN", "PLAIN"],
        )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    # Renamed, so that whoever sees the file sees the whole number.
    (directory / "port.new").write_text(str(port))
    (directory / "port.new").rename(directory / "port")
    await server.serve_forever()


asyncio.run(main())
