"""Telling people of something that cannot wait: into an outbox, and by mail where it is set up."""

import json
import os
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from bedside.core.clock import Clock, iso
from bedside.core.errors import BedsideError, Invalid, Unavailable
from bedside.core.ports.signing import Notifier
from bedside.infra.files import write_atomically

__all__ = ["MailNotifier", "Outbox", "TellAll", "mail_server_of", "notifier_of"]

_SECONDS = 10


class Outbox:
    """The Notifier port on a folder: one JSON file for each message, mode 0600.

    Args:
        folder: Made on first use.
        clock: What time it is.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder, self._clock = folder, clock

    def tell(self, people: Sequence[str], subject: str, text: str) -> None:
        """Write the message down, durably."""
        now = self._clock.now()
        told = {"at": iso(now), "to": list(people), "subject": subject, "text": text}
        name = f"{now.strftime('%Y%m%dT%H%M%S%f')}-{os.urandom(4).hex()}.json"
        content = json.dumps(told, ensure_ascii=False, indent=1).encode()
        write_atomically(self._folder / name, content)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailNotifier:
    """The Notifier port on an SMTP server; TLS always, with the certificate checked.

    Args:
        host, port: Of the server; 465 begins with TLS, any other port with STARTTLS.
        user, password: To sign in; empty: without.
        sender: The address of the sender.
        to: To whom it goes; who the people are is said in the text.
        context: Which certificates are believed.
    """

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)
    context: ssl.SSLContext | None = field(default=None, repr=False)

    def tell(self, people: Sequence[str], subject: str, text: str) -> None:
        """Send one message.

        Raises:
            Unavailable: the server is out of reach, has no TLS, or does not take it.
        """
        message = EmailMessage()
        message["From"], message["To"] = self.sender, ", ".join(self.to)
        message["Subject"] = subject
        message.set_content(f"For {', '.join(people)}\n\n{text}\n")
        context = self.context or ssl.create_default_context()
        try:
            with self._connected(context) as server:
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(message)
        except (OSError, smtplib.SMTPException):
            raise Unavailable(
                "The mail server did not take a message.",
                fix="look at BEDSIDE_MAIL and at the server; the message lies in the outbox.",
                code="not_told",
            ) from None

    def _connected(self, context: ssl.SSLContext) -> smtplib.SMTP:
        if self.port == 465:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=_SECONDS, context=context)
        server = smtplib.SMTP(self.host, self.port, timeout=_SECONDS)
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
        return server


class TellAll:
    """The Notifier port on several, the first of which must work.

    Args:
        first: Whatever happens, it is told here.
        others: Told too; where one fails, the others still are, and the error is raised.
    """

    def __init__(self, first: Notifier, others: Sequence[Notifier]) -> None:
        self._first, self._others = first, others

    def tell(self, people: Sequence[str], subject: str, text: str) -> None:
        """Tell all; see the port."""
        self._first.tell(people, subject, text)
        failed: BedsideError | None = None
        for one in self._others:
            try:
                one.tell(people, subject, text)
            except BedsideError as error:
                failed = error
        if failed is not None:
            raise failed


def notifier_of(outbox: Path, mail: str | None, clock: Clock) -> Notifier:
    """The outbox, and the mail server of a setting, which is judged when somebody is told."""
    first = Outbox(outbox, clock)
    return first if mail is None else TellAll(first, [_MailSetting(mail)])


class _MailSetting:
    """The mail server of a setting; its text is never repeated."""

    def __init__(self, mail: str) -> None:
        self._mail = mail

    def tell(self, people: Sequence[str], subject: str, text: str) -> None:
        mail_server_of(self._mail).tell(people, subject, text)


def mail_server_of(mail: str) -> MailNotifier:
    """The mail server of `smtp://USER:PASSWORD@HOST:587?from=bedside@h.example&to=dpo@h.example`.

    Raises:
        Invalid: it is not such a setting.
    """
    try:
        told = urlsplit(mail)
        asked = parse_qs(told.query)
        if told.scheme != "smtp" or not told.hostname:
            raise ValueError
        return MailNotifier(
            host=told.hostname,
            port=told.port or 587,
            sender=asked["from"][0],
            to=tuple(asked["to"]),
            user=unquote(told.username or ""),
            password=unquote(told.password or ""),
        )
    except (ValueError, KeyError):
        raise Invalid(
            "BEDSIDE_MAIL is not as it must be.",
            fix="write smtp://USER:PASSWORD@HOST:587?from=ADDRESS&to=ADDRESS.",
        ) from None
