"""How often one caller, and one address, may ask: token buckets, in bounded memory."""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from bedside.core.errors import Invalid

__all__ = ["Buckets", "Rate", "RateLimits", "Rates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many requests each second, and so many at once after a pause.

    Raises:
        Invalid: one of them is not above 0.
    """

    per_second: float
    burst: int

    def __post_init__(self) -> None:
        if not (0 < self.per_second < float("inf") and self.burst > 0):
            raise Invalid("A rate of requests is not above 0.", fix="give numbers above 0.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How often may be asked; each server process counts by itself.

    `address` counts every request of an address before anything else is looked at; None where all
    come from one proxy. `failed` counts those that nobody is known for: with good credentials
    nobody waits because of others at the same address. `caller` counts what a known caller asks.
    """

    address: Rate | None = Rate(per_second=5000, burst=10000)
    failed: Rate = Rate(per_second=5, burst=50)
    caller: Rate = Rate(per_second=5000, burst=10000)


class Buckets:
    """A bucket for each key: it fills at the rate, and a request takes one out.

    Args:
        rate: Of each.
        most: Keys that are remembered; the one that was not seen for longest is forgotten, and so
            begins with a full bucket again.
        now: Seconds that only grow.

    >>> seconds = [0.0]
    >>> buckets = Buckets(Rate(per_second=0.5, burst=2), now=lambda: seconds[0])
    >>> [buckets.wait("a") for _ in range(3)], buckets.wait("b")
    ([0.0, 0.0, 2.0], 0.0)
    """

    def __init__(
        self, rate: Rate, *, most: int = 20_000, now: Callable[[], float] = monotonic
    ) -> None:
        self._rate, self._most, self._now = rate, most, now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Take one out; the seconds until there is one, 0 where it was there."""
        now = self._now()
        left, at = self._left.get(key, (float(self._rate.burst), now))
        left = min(float(self._rate.burst), left + (now - at) * self._rate.per_second)
        told = 0.0 if left >= 1 else (1 - left) / self._rate.per_second
        self._left[key] = (left - 1 if left >= 1 else left, now)
        self._left.move_to_end(key)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
        return told

    def __len__(self) -> int:
        """Keys that are remembered."""
        return len(self._left)


class RateLimits:
    """The three buckets of a server process.

    Args:
        rates: How often may be asked.
        now: Seconds that only grow.
    """

    def __init__(self, rates: Rates | None = None, *, now: Callable[[], float] = monotonic) -> None:
        told = rates or Rates()
        self._address = None if told.address is None else Buckets(told.address, now=now)
        self._failed, self._caller = Buckets(told.failed, now=now), Buckets(told.caller, now=now)

    def arrived(self, address: str) -> float:
        """A request came from this address; the seconds that it has to wait."""
        return 0.0 if self._address is None else self._address.wait(_network(address))

    def failed(self, address: str) -> float:
        """Nobody is known for a request from this address; the seconds that it has to wait."""
        return self._failed.wait(_network(address))

    def asked(self, caller: str) -> float:
        """A known caller asks; the seconds that it has to wait."""
        return self._caller.wait(caller)


def _network(address: str) -> str:
    """The address; of IPv6 the network of 64 bits, for whoever has one address has them all."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address
