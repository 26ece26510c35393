"""docs/shiftlab.md, from what the laboratory told of each model."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bedside.monitor.shifts.rates import rate
from shiftlab.models import Model

__all__ = ["page_of"]

OPENING = """\
# The shift laboratory: can the alarms be trusted?

Written by `make shiftlab`, which builds three models on public data and runs `bedside shiftlab`
on each. Do not edit this page by hand.

**How it works.** The hospitals of the laboratory draw their patients, with replacement, from
the held-out patients of a version: people on whom it learnt nothing. The baseline and the
stream are two independent samples of them, so that nothing but chance lies between them until
something is injected. Patients come by a Poisson process with a weekly rhythm. Shifts of units,
feeds, assays and codes are made on the **events**; intake sets implausible values aside,
features are computed, and the version answers, as at the bedside. From the onset on (00:00 of a
day) every question sees the shifted record. The monitor is the one of `bedside monitor`: the
same baselines, tallies, detectors, bars and causes, with the budget of one false alarm in 90
days over everything that is watched. Its bars are the default ones (`budget: measured`), and
this is where it is measured whether they keep the budget.

**How to read it.** *Found* is an alarm that can be about what was injected, within 36 days.
*1st run* is found by the first daily run after the onset, *2nd run* by the second. *Cause
right* is the first alarm's cause and signal a week after it was found, among those found; *at
once* is on the day it was found. Brackets are exact 95 % intervals (Clopper-Pearson; of counts,
Garwood). A row in *italics* does not count towards the aims: fewer than half of the patients
have the signal, or only a share of them is hit. Where intake sets most values of a wrong unit
aside, they never reach the model: *leniently*, "feed lost" counts as right as well, and
*strictly* it does not. A shift that only outcomes show cannot be found before the first
outcome of a patient seen since is known: what alarms earlier is false, and is resolved. A feed
that half of the patients never had is not told from chance by the 10 to 20 patients of one
small day, whoever looks.

"""
AIMS = ("unit_change", "feed_lost")


def page_of(told: Sequence[tuple[Model, Mapping[str, Any] | None]], made_by: str) -> str:
    """The page in Markdown; a model without results is named as missing."""
    there = [(model, one) for model, one in told if one is not None]
    parts = [OPENING, *_summary(there)]
    for model, one in told:
        parts += _model(model, one) if one is not None else _missing(model)
    return "\n".join(parts).rstrip() + f"\n\nMade by {made_by}.\n"


def _missing(model: Model) -> Iterator[str]:
    yield f"## {model.title}\n\nNot run yet.\n"


def _summary(told: Sequence[tuple[Model, Mapping[str, Any]]]) -> Iterator[str]:
    yield "## The aims\n"
    yield "| aim | " + " | ".join(model.name for model, _ in told) + " |"
    yield "|---|" + "---|" * len(told)
    rows = [
        ("at most 1 false alarm a quarter", [_quiet(one) for _, one in told]),
        (
            "95 % of unit changes and lost feeds found by the first daily run",
            [_soon(one, "first_run") for _, one in told],
        ),
        ("the same by the second run", [_soon(one, "second_run") for _, one in told]),
        (
            "90 % of a fall of the AUROC by 0.05 found before twice the theoretical size",
            [_twice(one, "auroc_drop") for _, one in told],
        ),
        (
            "90 % of calibration off by 20 % found before twice the theoretical size",
            [_twice(one, "calibration") for _, one in told],
        ),
        ("cause right in 90 % of what is found", [_causes(one) for _, one in told]),
    ]
    for title, cells in rows:
        yield f"| {title} | {' | '.join(cells)} |"
    yield (
        "\nThese cells pool rows that share hospitals, so that their intervals are narrower than "
        "what is known.\n"
    )


def _quiet(one: Mapping[str, Any]) -> str:
    told = one["undisturbed"]["per_quarter"]
    return f"{_count(told)} over {told['of']}"


def _soon(one: Mapping[str, Any], which: str) -> str:
    usual = one["options"]["per_day"]
    parts = [(f"{usual:g}", one["shifts"]), *one.get("volumes", {}).items()]
    return "<br>".join(f"{_over(rows, which)} at {name} a day" for name, rows in parts)


def _over(rows: Sequence[Mapping[str, Any]], which: str) -> str:
    some = [row for row in rows if row["kind"] in AIMS and row["full"]]
    hits = sum(round(row[which]["estimate"] * row[which]["of"]) for row in some)
    of = sum(row[which]["of"] for row in some)
    return _share(rate(hits, of).as_json()) if of else "no such shift"


def _twice(one: Mapping[str, Any], kind: str) -> str:
    some = [row for row in one["shifts"] if row["kind"] == kind]
    cells = [
        f"{_share(row['before_twice'])} ({row['words'].split(' at ')[0]}, theory {row['theory']:,})"
        for row in some
        if row.get("before_twice")
    ]
    return "<br>".join(cells) or "no sample size is enough"


def _causes(one: Mapping[str, Any]) -> str:
    cells = []
    for field, title in (
        ("settled", "after a week, leniently"),
        ("settled_strict", "after a week, strictly"),
        ("right", "at once, leniently"),
        ("right_strict", "at once, strictly"),
    ):
        some = [row[field] for row in one["shifts"] if row.get(field)]
        if not some and field.endswith("_strict"):
            continue  # of results that were kept before it was counted
        of = sum(cell["of"] for cell in some)
        hits = sum(round(cell["estimate"] * cell["of"]) for cell in some)
        cells.append(f"{_share(rate(hits, of).as_json())} {title}" if of else "nothing found")
    return "<br>".join(cells)


def _model(model: Model, one: Mapping[str, Any]) -> Iterator[str]:
    options = one["options"]
    yield f"## {model.title}\n"
    yield (
        f"`{one['version']}`. {model.note} {one['patients']:,} held-out patients, "
        f"{one['elsewhere']:,} of them kept apart as the new site; AUROC {one['auroc']:.3f} and "
        f"{one['event_share']:.1%} with the outcome, one question a patient. "
        f"{options['per_day']:g} new patients a day; shifts that only outcomes show are watched at "
        f"more, so that about twice the theoretical number comes in a month, with a baseline of "
        f"{options['label_baseline']:,}. {options['trials']} hospitals for each row, onsets on day "
        f"{', '.join(map(str, options['onsets']))}.\n"
    )
    if one.get("remark"):
        yield f"{one['remark']}\n"
    quiet = one["undisturbed"]
    families = ", ".join(f"{name} {count}" for name, count in quiet["families"].items())
    yield (
        f"**Undisturbed:** {quiet['alarms']} false alarms in {quiet['per_quarter']['of']} "
        f"quarters, {_count(quiet['per_quarter'])} a quarter"
        f"{f' (first stream: {families})' if families else ''}.\n"
    )
    yield _header(
        "shift", "size", "found", "1st run", "2nd run", "median days", "cause right, at once",
        "a week later", "mostly named",
    )  # fmt: skip
    for row in one["shifts"]:
        yield _row(row)
    yield ""
    yield from _again(one.get("again"))
    yield from _labelled(one["shifts"])
    yield from _onsets(one["shifts"])
    yield from _peers(one.get("peers"))


def _again(told: Mapping[str, Any] | None) -> Iterator[str]:
    """Some rows that were run again, apart from the others, with what was changed before."""
    if not told:
        return
    yield f"{told['remark']}\n"
    yield _header(
        "shift", "size", "found", "1st run", "2nd run", "median days", "cause right, at once",
        "a week later", "mostly named",
    )  # fmt: skip
    for row in told["shifts"]:
        yield _row(row)
    yield ""


def _header(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n|{'---|' * len(cells)}"


def _row(row: Mapping[str, Any]) -> str:
    mark = "" if row["full"] else "*"
    named = ", ".join(f"{name} {count}" for name, count in list(row["named"].items())[:3])
    delay = "" if row["delay_days"] is None else f"{row['delay_days']:g}"
    cells = (
        f"{mark}{row['title']}{mark}",
        f"{mark}{row['words']}{mark}",
        _share(row["found"]),
        _share(row["first_run"]),
        _share(row["second_run"]),
        delay,
        _both(row, "right"),
        _both(row, "settled"),
        named,
    )
    return f"| {' | '.join(cells)} |"


def _labelled(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    some = [row for row in rows if row.get("theory")]
    if not some:
        return
    yield _header(
        "shift", "theory asks for", "found after (median, patients with a known outcome)",
        "found before twice theory",
    )  # fmt: skip
    for row in some:
        seen = "" if row["labelled"] is None else f"{row['labelled']:,.0f}"
        yield (
            f"| {row['title']}: {row['words']} | {row['theory']:,} | {seen} | "
            f"{_share(row['before_twice'])} |"
        )
    yield (
        "\nTheory: a two-sided test at 5 % with a power of 90 % at one look, known in advance "
        "(`bedside.metrics.sample_sizes`). The monitor looks every day at everything, and keeps "
        "its budget over all of it.\n"
    )


def _onsets(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    hits: dict[str, list[int]] = {}
    for row in rows:
        if row.get("full") and row["kind"] in AIMS:
            for onset, cell in row["by_onset"].items():
                one = hits.setdefault(onset, [0, 0])
                one[0] += round(cell["estimate"] * cell["of"])
                one[1] += cell["of"]
    if len(hits) > 1:
        told = [f"day {onset}: {_share(rate(*count).as_json())}" for onset, count in hits.items()]
        yield f"Unit changes and lost feeds found, by onset: {'; '.join(told)}.\n"


def _peers(told: Mapping[str, Any] | None) -> Iterator[str]:
    if not told:
        return
    yield "Peers with their defaults on the same streams, a chunk a week (no budget over time):\n"
    if told.get("remark"):
        yield f"{told['remark']}\n"
    yield _header(
        "peer", "weeks with an alert, undisturbed", "alerts a quarter", "quarters with any",
        "found in its first week", "CPU s a quarter",
    )  # fmt: skip
    for name, one in told.items():
        if name == "remark":
            continue
        found = "<br>".join(
            f"{words}: {_share(cell)}{_later(cell)}"
            for words, cell in one["found_in_first_week"].items()
        )
        yield (
            f"| {name} {one['version']} | {_share(one['weeks_with_alert'])} | "
            f"{_count(one['alerts_per_quarter'])} | "
            f"{_share(one['quarters_with_alert'])} | {found} | {one['seconds']:.1f} |"
        )
    yield ""


def _later(cell: Mapping[str, Any]) -> str:
    """Within five weeks, where that is another share."""
    later = cell.get("later")
    if not later or later["estimate"] == cell["estimate"]:
        return ""
    return f", {later['estimate']:.0%} within five weeks"


def _both(row: Mapping[str, Any], field: str) -> str:
    """The lenient share, and the strict one where it is another."""
    strict = row.get(f"{field}_strict")
    if strict is None or strict == row[field]:
        return _share(row[field])
    return f"{_share(row[field])}<br>strictly {strict['estimate']:.0%}"


def _share(told: Mapping[str, float] | None) -> str:
    if told is None:
        return ""
    return f"{told['estimate']:.0%} [{told['low']:.0%}, {told['high']:.0%}] of {told['of']}"


def _count(told: Mapping[str, float]) -> str:
    return f"{told['estimate']:.2f} [{told['low']:.2f}, {told['high']:.2f}]"
