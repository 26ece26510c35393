"""Room on this machine for servers that tests start."""

import socket

__all__ = ["free_port"]


def free_port() -> int:
    """A port on loopback that nobody has now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
