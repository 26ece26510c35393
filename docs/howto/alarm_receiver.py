"""A small receiver of alarms: checks the signature, takes each message once, prints its headline.

    python alarm_receiver.py PORT     (BEDSIDE_ALARM_SECRET is set)

Source: Standard Webhooks 1.0.0. Use its library in your own language; this is all it does.
"""

import base64
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = os.environ.get("BEDSIDE_ALARM_SECRET", "").removeprefix("whsec_")
KEY, SEEN = base64.b64decode(SECRET), set()
LARGEST, OLDEST = 1 << 20, 300  # bytes, seconds


def is_signed(headers, body: bytes) -> bool:
    """Whether whoever has the secret signed this body, not long ago."""
    message_id, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not sent.isdecimal() or abs(time.time() - int(sent)) > OLDEST:
        return False
    signed = hmac.digest(KEY, f"{message_id}.{sent}.".encode() + body, "sha256")
    expected = f"v1,{base64.b64encode(signed).decode()}"
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(one.encode(), expected.encode()) for one in given)


class Receiver(BaseHTTPRequestHandler):
    """Takes what is signed; what it has seen it takes again, and does nothing."""

    def do_POST(self) -> None:
        """Take one message."""
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length) if length <= LARGEST else b""
        taken = is_signed(self.headers, body)
        self.send_response(204 if taken else 401)
        self.end_headers()
        message_id = self.headers.get("webhook-id")
        if taken and message_id not in SEEN:
            SEEN.add(message_id)
            message = json.loads(body)
            alarm = message["alarm"]
            print(message["type"], alarm["id"], alarm["severity"], alarm["text"], flush=True)

    def log_message(self, *_) -> None:
        """Say nothing of calls."""


if __name__ == "__main__":
    if not KEY:
        sys.exit("Set BEDSIDE_ALARM_SECRET to the secret that alarms are signed with.")
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
