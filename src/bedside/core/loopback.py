"""Whether a host is this machine, to which nothing goes over a network."""

from ipaddress import ip_address

__all__ = ["is_loopback", "is_this_machine"]


def is_loopback(host: str) -> bool:
    """Whether an address is one of this machine's own; a name never is, for it is looked up.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost")
    (True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_this_machine(host: str) -> bool:
    """Whether a host is this machine by its address, or by the name `localhost`.

    >>> is_this_machine("localhost"), is_this_machine("localhost.example.org")
    (True, False)
    """
    return host == "localhost" or is_loopback(host)
