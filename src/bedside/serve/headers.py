"""What every response tells the browser: keep nothing, run nothing, show it in nothing else."""

from collections.abc import Sequence
from functools import lru_cache

__all__ = ["SECURITY_HEADERS", "with_security"]

Header = tuple[bytes, bytes]

SECURITY_HEADERS: tuple[Header, ...] = (
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
_TLS: Header = (b"strict-transport-security", b"max-age=31536000")


def with_security(own: Sequence[Header], *, tls: bool) -> list[Header]:
    """The headers of a response, and those that it does not set itself.

    >>> dict(with_security([(b"cache-control", b"no-cache")], tls=False))[b"cache-control"]
    b'no-cache'
    """
    return [*own, *_beside(tuple([name for name, _ in own]), tls)]


@lru_cache(maxsize=256)
def _beside(own: tuple[bytes, ...], tls: bool) -> tuple[Header, ...]:
    """What is told beside headers of these names."""
    told = [one for one in SECURITY_HEADERS if one[0] not in own]
    return (*told, _TLS) if tls else tuple(told)
