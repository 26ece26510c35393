"""How rarely a process that answers looks for garbage: what is loaded is none; little is made."""

import gc

__all__ = ["look_rarely"]

_YOUNG, _MIDDLE, _OLD = 20_000, 20, 20
"""Objects, and collections of each age before the next older one: a few megabytes at most wait."""


def look_rarely() -> None:
    """Keep what is loaded by now out of every collection, and collect rarely from now on.

    An answer makes a hundred objects that live until it is durable. Python looks through all young
    ones whenever there are 700 more of them than before, so it would look through those of every
    answer under way several times for each batch, and find that none is garbage: hardly anything
    that a server makes refers to itself.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
