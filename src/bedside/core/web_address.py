"""A web address that may be called: https, or http to this machine, and no password in it."""

from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from bedside.core.errors import Invalid
from bedside.core.loopback import is_this_machine

__all__ = ["WebAddress"]

_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class WebAddress:
    """A URL that was taken apart and found fit to call.

    Args:
        url: As it was given, in ASCII.
        scheme: `https`, or `http` where `host` is this machine.
        host: In lower case; an IPv6 address without its brackets.
        port: Where it listens; the scheme's own where none was given.
    """

    url: str
    scheme: str
    host: str
    port: int

    @classmethod
    def read(cls, text: str, *, what: str) -> "WebAddress":
        """Take a URL apart.

        Args:
            text: The URL.
            what: What it is the address of; begins the sentence of an error, which never repeats
                the URL, for it may name a patient.

        Raises:
            Invalid: it is not an absolute http or https URL, holds a user name, a fragment or a
                character that a URL may not hold, or would go over a network in clear (code
                `address_unfit`).

        >>> WebAddress.read("https://fhir.example.org/r4", what="The address").port
        443
        >>> WebAddress.read("http://fhir.example.org/r4", what="The address")
        Traceback (most recent call last):
        bedside.core.errors.Invalid: The address is plain http to another machine, so patient data \
would go in clear. Fix: use https; http is for this machine alone.
        """
        parts, port = _parts(text, what)
        host = parts.hostname
        if parts.scheme not in _PORTS or not host:
            raise _unfit(what, "is not an https URL", "write it as https://host/path.")
        if "@" in parts.netloc:
            raise _unfit(what, "holds a user name", "leave it out; a key lets us in.")
        if "#" in text:
            raise _unfit(what, "holds a fragment", "leave out the # and what follows it.")
        address = cls(text, parts.scheme, host, port or _PORTS[parts.scheme])
        if address.scheme == "http" and not address.is_loopback:
            raise _unfit(
                what,
                "is plain http to another machine, so patient data would go in clear",
                "use https; http is for this machine alone.",
            )
        return address

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine.

        >>> WebAddress.read("http://[::1]:8080/fhir", what="The address").is_loopback
        True
        """
        return is_this_machine(self.host)

    def same_origin(self, other: "WebAddress") -> bool:
        """Whether scheme, host and port are the same."""
        return self._origin == other._origin

    def join(self, reference: str, *, what: str) -> "WebAddress":
        """The address that a link found at this one leads to; see `read` for what is refused."""
        try:
            return WebAddress.read(urljoin(self.url, reference), what=what)
        except ValueError:
            raise _unfit(what, "is not a URL", "ask whoever runs the server.") from None

    @property
    def _origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port


def _parts(text: str, what: str) -> tuple[SplitResult, int | None]:
    # The characters are looked at first: parsers differ in what they make of any others.
    if (
        not text
        or len(text) > 8192
        or not all("!" <= sign <= "~" and sign != "\\" for sign in text)
    ):
        raise _unfit(
            what, "is empty, too long or holds a sign that no URL may hold", "write it in ASCII."
        )
    try:
        parts = urlsplit(text)
        return parts, parts.port
    except ValueError:
        raise _unfit(what, "is not a URL", "write it as https://host/path.") from None


def _unfit(what: str, problem: str, fix: str) -> Invalid:
    return Invalid(f"{what} {problem}.", fix=fix, code="address_unfit")
