"""Where the MLLP listener listens, who may connect, and what it bears."""

from dataclasses import dataclass

from bedside.core.errors import Invalid
from bedside.core.loopback import is_loopback

__all__ = ["MllpCounts", "MllpOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MllpOptions:
    """How HL7 v2 messages are received.

    MLLP itself knows no sender. So beyond this machine it is spoken only inside TLS, where both
    sides show a certificate: `tls_certificate` and `tls_key` are the listener's own, and a sender
    is let in whose certificate an authority in `tls_authorities` has signed.

    Args:
        host: An address of this machine; `127.0.0.1` is this machine alone.
        port: 0: any free one.
        tls_certificate: A PEM file: the listener's certificate, and the chain above it.
        tls_key: A PEM file: its private key.
        tls_authorities: A PEM file: who signs the senders' certificates.
        largest_message: In bytes. At most 16 MiB, which is the most that is read later.
        connections: How many may be open at once; further ones are closed.
        message_seconds: How long a message may take from its first byte to its last.
        idle_seconds: How long a connection may say nothing.
        rotate_seconds: How old a file of the journal grows before the next one is begun, so that
            its messages can be collected.
        control_id_seconds: How long a sender gives a control id (MSH-10) to no other message.
            Within it, a message under the same id is the first one, sent again; after it, another
            one may come under it. 0: only the same bytes are the same message.

    Raises:
        Invalid: it would listen beyond this machine without TLS, or a limit is out of range.
    """

    host: str = "127.0.0.1"
    port: int = 2575
    tls_certificate: str | None = None
    tls_key: str | None = None
    tls_authorities: str | None = None
    largest_message: int = 4 << 20
    connections: int = 64
    message_seconds: float = 30.0
    idle_seconds: float = 3600.0
    rotate_seconds: float = 300.0
    control_id_seconds: float = 86_400.0

    def __post_init__(self) -> None:
        files = (self.tls_certificate, self.tls_key, self.tls_authorities)
        if any(files) and not all(files):
            raise Invalid(
                "TLS needs three files: a certificate, its key, and the senders' authorities.",
                fix="give all of tls_certificate, tls_key and tls_authorities.",
            )
        if not all(files) and not is_loopback(self.host):
            raise Invalid(
                "The listener would be reachable from other machines without asking who sends.",
                fix="give TLS files, or listen on 127.0.0.1.",
                code="mllp_open",
            )
        limits: dict[str, tuple[float, float, float]] = {
            "port": (self.port, 0, 65_535),
            "largest_message": (self.largest_message, 1024, 16 << 20),
            "connections": (self.connections, 1, 10_000),
            "message_seconds": (self.message_seconds, 0.1, 3600),
            "idle_seconds": (self.idle_seconds, 0.1, 7 * 86_400),
            "rotate_seconds": (self.rotate_seconds, 0.1, 86_400),
            "control_id_seconds": (self.control_id_seconds, 0, 366 * 86_400),
        }
        for name, (value, low, high) in limits.items():
            if not low <= value <= high:
                raise Invalid(
                    f"{name} is out of range.", fix=f"give a number from {low} to {high}."
                )

    @property
    def is_encrypted(self) -> bool:
        """Whether it speaks TLS."""
        return self.tls_certificate is not None


@dataclass(slots=True, kw_only=True)
class MllpCounts:
    """What a listener did: messages kept, of them refused; connections turned away or cut off."""

    kept: int = 0
    refused: int = 0
    not_kept: int = 0
    connections: int = 0
    turned_away: int = 0
    cut_off: int = 0
