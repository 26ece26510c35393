"""What is known of one state of a data set: what it holds, from where, how late, how whole."""

from typing import Any

from bedside.governance.documents.document import Line
from bedside.governance.documents.held import Held

__all__ = [
    "codes",
    "counts",
    "delays",
    "erased",
    "identity",
    "lineage",
    "missing",
    "raw_files",
    "release_mode",
    "used_by",
    "years",
    "zone",
]


def identity(held: Held) -> list[Line]:
    """Its name, its state and its digest."""
    return [
        held.line("Data set", held.told["name"], ("name",)),
        held.line("State", str(held.told["state"]), ("state",)),
        held.line("Digest of what it says", held.told["snapshot"], ("snapshot",)),
        held.line("Kept since", held.told["created_at"], ("created_at",)),
    ]


def counts(held: Held) -> list[Line]:
    """Events and subjects."""
    return [
        held.line("Events", _count(held.told["events"]), ("events",)),
        held.line("Subjects", _count(held.told["subjects"]), ("subjects",)),
    ]


def codes(held: Held) -> list[Line]:
    """Each kind of event, how often and of how many subjects."""
    return [
        held.line(
            one["code"] + (f" ({one['unit']})" if one["unit"] else ""),
            f"{_count(one['events'])} events of {_count(one['subjects'])} subjects",
            ("codes", at),
        )
        for at, one in enumerate(held.told["codes"])
    ]


def missing(held: Held) -> list[Line]:
    """Which share of the subjects has no event of a code."""
    return [
        held.line(f"Without {one['code']}", f"{one['without']:.1%}".replace("%", " %"),
                  ("codes", at, "without"))
        for at, one in enumerate(held.told["codes"])
        if one["without"]
    ]  # fmt: skip


def delays(held: Held) -> list[Line]:
    """How long after it happened an event could be seen, by code; codes alike are told together."""
    alike: dict[tuple[float, float], list[int]] = {}
    for at, one in enumerate(held.told["codes"]):
        if one["delay_hours"] is not None:
            told = one["delay_hours"]
            alike.setdefault((told["median"], told["p95"]), []).append(at)
    return [
        held.line(
            f"Median {median:g} h, 95 % within {p95:g} h",
            "every code" if len(alike) == 1 else ", ".join(_code(held, at) for at in where),
            *(("codes", at) for at in where),
        )
        for (median, p95), where in sorted(alike.items())
    ]


def _code(held: Held, at: int) -> str:
    return str(held.told["codes"][at]["code"])


def years(held: Held) -> list[Line]:
    """In which years there are events of more than ten subjects."""
    told = held.told["years"]
    if told is None:
        return []
    text = f"{told['first']} to {told['last']}; times that were shifted or placed are no dates"
    return [held.line("Years of the times here", text, ("years",))]


def release_mode(held: Held) -> list[Line]:
    """Under which rule it may be used."""
    text = held.told["release_mode"].replace("_", " ")
    return [held.line("Released as", text, ("release_mode",))]


def zone(held: Held) -> list[Line]:
    """Where it lies, and by which key."""
    text = f"{held.told['zone']}, sealed with the key of that name"
    return [held.line("Zone", text, ("zone",))]


def raw_files(held: Held) -> list[Line]:
    """The files as they were received."""
    return [
        held.line(one["name"], f"{_count(one['records'])} records, digest {one['digest']}",
                  ("raw_files", at))
        for at, one in enumerate(held.told["raw_files"])
    ]  # fmt: skip


def lineage(held: Held) -> list[Line]:
    """The steps by which it was made."""
    return [
        held.line(one["job"], f"of {one['source']}, {one['at']}", ("made_by", at))
        for at, one in enumerate(held.told["made_by"])
    ]


def erased(held: Held) -> list[Line]:
    """How many subjects were erased from it since."""
    return [held.line("Subjects erased since", _count(held.told["erased"]), ("erased",))]


def used_by(held: Held) -> list[Line]:
    """The versions that were built from it, and the licence that each declares."""
    return [
        held.line(one["version"], f"licence as declared: {one['licence']}", ("used_by", at))
        for at, one in enumerate(held.told["used_by"])
    ]


def _count(told: Any) -> str:
    """A count in words; one that is hidden is words already."""
    return told if isinstance(told, str) else f"{told:,}"
