"""Connects to the one address that a host had at first, whatever its name leads to later."""

import ipaddress
import socket
import ssl

import httpx

from bedside.core.errors import Refused, Unavailable
from bedside.core.web_address import WebAddress

__all__ = ["PinnedTransport", "address_of"]


def address_of(address: WebAddress) -> str:
    """The IP address of a host, if we may connect to it.

    A hospital's own network is fine. This machine is only where the address says so itself, so that
    no name can lead to what listens here; nor can one lead to the addresses that belong to a link,
    as a cloud's metadata do.

    Raises:
        Refused: it may not be (code `address_not_allowed`).
        Unavailable: the name is not known.
    """
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError:
        raise Unavailable(
            f"The name '{address.host}' is not known here.",
            fix="check the name and this machine's name server.",
            code="server_unreachable",
        ) from None
    texts = [str(one[4][0]) for one in found]
    if address.host == "localhost":
        texts.sort(key=lambda text: ":" in text)  # most servers listen on 127.0.0.1 alone
    for text in texts:
        place = ipaddress.ip_address(text.partition("%")[0])
        mapped = getattr(place, "ipv4_mapped", None)
        place = mapped if mapped is not None else place
        odd = place.is_link_local or place.is_multicast or place.is_unspecified
        if odd or (place.is_loopback and not address.is_loopback):
            raise Refused(
                f"The name '{address.host}' leads to an address that may not be called.",
                fix="check the name, and the name server.",
                code="address_not_allowed",
            )
    return texts[0]


class PinnedTransport(httpx.BaseTransport):
    """Sends every request to the address found first; the certificate is still that of the name.

    Args:
        address: Of the server.
        trusted: The certificates to trust.
    """

    def __init__(self, address: WebAddress, trusted: ssl.SSLContext) -> None:
        self._address, self._place = address, address_of(address)
        self._inner = httpx.HTTPTransport(verify=trusted, trust_env=False)

    @property
    def place(self) -> str:
        """The IP address that it connects to."""
        return self._place

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it, if it is for this server."""
        if request.url.host != self._address.host:
            raise httpx.UnsupportedProtocol("another host than the one that was pinned")
        request.extensions = {**request.extensions, "sni_hostname": self._address.host}
        request.url = request.url.copy_with(host=self._place)  # the Host header keeps the name
        return self._inner.handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()
