"""A stratified random sample of notes that anybody can draw again."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from bedside.core.errors import Invalid

__all__ = ["Drawn", "allocated", "draw_sample", "note_digest"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The places of the notes that were drawn, in an order that tells nothing.

    `strata` says of each type how many there are, and how many of them were drawn.
    """

    places: tuple[int, ...]
    strata: dict[str, tuple[int, int]]


def note_digest(text: str) -> str:
    r"""By which a note is known again: SHA-256 of its words, so that white space does not count.

    >>> note_digest("Seen by Ana. ") == note_digest("Seen  by\nAna.")
    True
    """
    words = " ".join(text.split())
    return sha256(words.encode("utf-8", errors="surrogatepass")).hexdigest()


def allocated(sizes: dict[str, int], many: int) -> dict[str, int]:
    """How many of each type are drawn: in proportion, by largest remainders, and at least one.

    So each note has nearly the same chance, and shares of the sample are shares of all.

    Raises:
        Invalid: there are more types than notes to be drawn, or fewer notes than that.

    >>> allocated({"letter": 70, "ward": 29, "rare": 1}, 10)
    {'letter': 7, 'ward': 2, 'rare': 1}
    """
    total = sum(sizes.values())
    if not len(sizes) <= many <= total:
        raise Invalid(
            f"{many:,} notes cannot be drawn from {total:,} of {len(sizes):,} types.",
            fix="draw at least one of each type, and no more than there are.",
        )
    chosen = {kind: max(1, many * size // total) for kind, size in sizes.items()}
    wanted = {kind: many * size / total for kind, size in sizes.items()}
    while sum(chosen.values()) < many:
        open_to = [kind for kind in sizes if chosen[kind] < sizes[kind]]
        chosen[max(open_to, key=lambda kind: (wanted[kind] - chosen[kind], kind))] += 1
    while sum(chosen.values()) > many:
        over = [kind for kind in sizes if chosen[kind] > 1]
        chosen[max(over, key=lambda kind: (chosen[kind] - wanted[kind], kind))] -= 1
    return chosen


def draw_sample(digests: Sequence[str], types: Sequence[str], many: int, seed: str) -> Drawn:
    """Draw notes without replacement, each of a type with the same chance.

    A note's rank is the SHA-256 of the seed, its digest and how many the same stood before it; the
    lowest of each type are drawn. So the same notes give the same sample in whatever order they
    come, and nobody can prefer one without trying seeds, which are counted.

    Args:
        digests: Of the notes; (n,).
        types: Of the notes; (n,).
        many: To be drawn.
        seed: Any text.

    Raises:
        Invalid: as `allocated`, or there are not as many types as digests.
    """
    if len(digests) != len(types):
        raise Invalid("Not every note has a type.", fix="give one for each note.")
    same: dict[str, int] = defaultdict(int)
    ranked: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for place, (digest, kind) in enumerate(zip(digests, types, strict=True)):
        rank = sha256(f"{seed}\n{digest}\n{same[digest]}".encode()).hexdigest()
        same[digest] += 1
        ranked[kind].append((rank, place))
    chosen = allocated({kind: len(ranked[kind]) for kind in sorted(ranked)}, many)
    drawn = sorted(pair for kind, count in chosen.items() for pair in sorted(ranked[kind])[:count])
    return Drawn(
        tuple(place for _, place in drawn),
        {kind: (len(ranked[kind]), count) for kind, count in chosen.items()},
    )
