"""Alarms by e-mail: over TLS, and in clear to this machine alone."""

import json
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Literal

from bedside.core.clock import Clock, parse_instant
from bedside.core.errors import Invalid, Refused, Unavailable
from bedside.core.records.watch import AlarmSeverity
from bedside.interop.alarm_json import headline_of

__all__ = ["MailSink", "Transport"]

_SECONDS = 10
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
Transport = Literal["starttls", "implicit", "plain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSink:
    """The AlarmSink port on an SMTP server.

    Args:
        name, least, models: See the port.
        host, port: Of the server.
        tls: `starttls`, `implicit` (TLS from the first byte), or `plain` on this machine.
        sender: The address of the sender.
        to: Whom it goes to.
        user, password: To sign in; empty: without.
        context: Which certificates are believed.
        clock: What time it is.

    Raises:
        Invalid: it would go over a network in clear (code `setting`).
    """

    name: str
    least: AlarmSeverity
    models: tuple[str, ...]
    host: str
    port: int
    tls: Transport
    sender: str
    to: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)
    context: ssl.SSLContext = field(repr=False)
    clock: Clock
    kind: str = "mail"

    def __post_init__(self) -> None:
        if self.tls == "plain" and self.host not in _HERE:
            raise Invalid(
                "E-mail would go over a network in clear.",
                fix='write tls = "starttls" or "implicit"; plain is for this machine alone.',
                code="setting",
            )

    def send(self, body: bytes) -> None:
        """Send one message; its Message-ID is the same however often it is sent.

        Raises:
            Unavailable: the server is out of reach, has no TLS, or does not take it.
            Refused: it is not trusted (code `not_trusted`), or does not let us in (`not_let_in`).
        """
        try:
            with self._connected() as server:
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(self._letter(json.loads(body)))
        except ssl.SSLCertVerificationError:
            raise Refused(
                "The mail server shows a certificate that is not trusted here.",
                fix="name your hospital's certificates in alarms.toml: certificates.",
                code="not_trusted",
            ) from None
        except smtplib.SMTPAuthenticationError:
            raise Refused(
                "The mail server does not let us in.",
                fix="check the user and the variable that holds the password.",
                code="not_let_in",
            ) from None
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable(
                "The mail server did not take a message.",
                fix="look at the server; the message waits, and is sent again.",
                code="too_slow" if isinstance(error, TimeoutError) else "not_taken",
            ) from None

    def _connected(self) -> smtplib.SMTP:
        if self.tls == "implicit":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=_SECONDS, context=self.context)
        server = smtplib.SMTP(self.host, self.port, timeout=_SECONDS)
        if self.tls == "starttls":
            try:
                server.starttls(context=self.context)
            except BaseException:
                server.close()
                raise
        return server

    def _letter(self, message: Mapping[str, Any]) -> EmailMessage:
        made = EmailMessage()
        made["From"], made["To"] = self.sender, ", ".join(self.to)
        made["Subject"] = headline_of(dict(message))
        made["Date"] = format_datetime(parse_instant(message["at"]))
        made["Message-ID"] = f"<{message['id']}@{self.sender.rpartition('@')[2]}>"
        made["Auto-Submitted"] = "auto-generated"
        made.set_content(_text(message))
        return made


def _text(message: Mapping[str, Any]) -> str:
    alarm = message["alarm"]
    found = [f"- {one['text']}" for one in alarm["findings"]]
    return "\n".join(
        [
            alarm["text"],
            "",
            f"Version: {alarm['version']}",
            f"Severity: {alarm['severity']}",
            f"Likely cause: {alarm['cause_text']}",
            f"Since about: {alarm['onset']}",
            f"Raised: {alarm['raised']}",
            f"Answers for it: {alarm['owner']}",
            *(["", "What was seen:", *found] if found else []),
            "",
            f"See: bedside alarm show {alarm['id']}",
        ]
    )
