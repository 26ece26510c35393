"""Sending HL7 v2 messages by MLLP to one receiver, and waiting for its answer to each."""

import socket
import ssl
from dataclasses import dataclass, field

from bedside.core.errors import Invalid, Unavailable
from bedside.core.loopback import is_loopback
from bedside.interop.hl7v2.framing import Frames, framed
from bedside.interop.hl7v2.message import read_header, read_message

__all__ = ["MllpTarget", "Receiver"]

LARGEST_ANSWER = 1 << 20  # bytes
_ACCEPTED, _REFUSED = ("AA", "CA"), ("AE", "AR", "CE", "CR")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Where results go: from the settings alone, never from a message.

    Beyond this machine it is spoken only inside TLS, where both sides show a certificate.

    Args:
        host: Its name or address.
        port: Its port.
        authorities: A PEM file: who signs its certificate.
        certificate: A PEM file: our own.
        key: A PEM file: our private key.
        seconds: How long it may take to let us in, and to answer.

    Raises:
        Invalid: another machine without TLS, or a number out of range.
    """

    host: str
    port: int
    authorities: str | None = None
    certificate: str | None = None
    key: str | None = field(default=None, repr=False)
    seconds: float = 30.0

    def __post_init__(self) -> None:
        files = (self.authorities, self.certificate, self.key)
        if any(files) and not all(files):
            raise Invalid("TLS needs three files.", fix="give authorities, certificate and key.")
        if not all(files) and not is_loopback(self.host):
            raise Invalid(
                "Results would go to another machine in clear.",
                fix="give TLS files, or send to a gateway on 127.0.0.1.",
                code="mllp_open",
            )
        if not 1 <= self.port <= 65_535 or not 0.05 <= self.seconds <= 600:
            raise Invalid(
                "The port or the wait is out of range.",
                fix="give a port from 1 to 65535, and 0.05 to 600 seconds.",
            )

    @property
    def name(self) -> str:
        """As letters name it."""
        return f"mllp://{self.host}:{self.port}"


class MllpTarget:
    """One receiver; a connection is kept from message to message. Not for several threads.

    After anything but an answer to our own message the connection is closed, so that a late answer
    is never taken for that to another message.

    Args:
        receiver: Where.
    """

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._open: socket.socket | None = None

    def close(self) -> None:
        """End the connection."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def transact(self, message: bytes) -> int:
        """Send a message, and wait until it is accepted.

        Raises:
            Invalid: it is refused (MSA-1 is AE or AR; code `hl7_refused_` and that): sending it
                again does not help.
            Unavailable: the receiver is out of reach, slow, or does not answer to this message.
        """
        control = read_message(message).header.control
        try:
            code, answered = self._exchange(message)
        except (OSError, Invalid) as error:
            self.close()
            raise Unavailable(
                f"The receiver did not answer ({type(error).__name__}).",
                fix="it is tried again; see whether it runs.",
                code="hl7_unanswered",
            ) from None
        if answered != control or code not in (*_ACCEPTED, *_REFUSED):
            self.close()
            raise Unavailable(
                "The receiver answered to another message, or said nothing that is known.",
                fix="it is tried again; let the receiver echo MSH-10 in MSA-2.",
                code="hl7_other_answer",
            )
        if code in _REFUSED:
            raise Invalid(
                f"The receiver refused the result ({code}).",
                fix="look at the receiver's log, then: bedside hl7 resend.",
                code=f"hl7_refused_{code.lower()}",
            )
        return 1

    def whole(self, query: str) -> bytes:
        """Nothing is read from a receiver of results."""
        raise Invalid("Nothing can be read by MLLP.", fix="ask a FHIR server.")

    def _exchange(self, message: bytes) -> tuple[str, str]:
        """MSA-1 and MSA-2 of the answer."""
        if self._open is None:
            self._open = self._connected()
        self._open.sendall(framed(message))
        frames = Frames(LARGEST_ANSWER)
        found: list[bytes] = []
        while not found:
            got = self._open.recv(65_536)
            if not got or frames.is_over:
                raise ConnectionError
            found = frames.feed(got)
        read_header(found[0].partition(b"\r")[0].decode("utf-8", "replace"))
        segments = read_message(found[0]).segments
        told = next((one for one in segments if one.name == "MSA"), None)
        return ("", "") if told is None else (told.text(1), told.text(2))

    def _connected(self) -> socket.socket:
        receiver = self._receiver
        made = socket.create_connection((receiver.host, receiver.port), timeout=receiver.seconds)
        made.settimeout(receiver.seconds)
        if receiver.certificate is None:
            return made
        context = ssl.create_default_context(cafile=receiver.authorities)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(receiver.certificate, receiver.key)
        return context.wrap_socket(made, server_hostname=receiver.host)
