"""Features in plain words, for a terminal."""

from collections.abc import Sequence

from bedside.lifecycle.explain_features import (
    ExplainedFeature,
    Explanation,
    ListedFeature,
    RawRecord,
)

__all__ = ["explained_words", "in_depth_words", "listed_words"]

SHOWN = 40  # raw records that are printed; --json prints all
WIDEST = 72


def listed_words(features: Sequence[ListedFeature]) -> str:
    """One line for each feature."""
    rows = [(one.name, one.title, one.unit) for one in features]
    widths = [max([len(row[column]) for row in rows], default=0) for column in (0, 1)]
    return "\n".join(
        f"{name:<{widths[0]}}  {title:<{widths[1]}}  {unit}".rstrip() for name, title, unit in rows
    )


def explained_words(told: Explanation) -> str:
    """What is known, one line for each feature with its raw record; then what is not known."""
    every = [one for some in _by_label(told.features).values() for one in some]
    known = [one for one in every if one.is_known]
    lines = [_head(told), f"Known, {len(known)} of {len(told.features)} features:"]
    width = min(WIDEST, max([len(one.text) for one in known], default=0))
    lines += [f"  {one.text:<{width}}  {_first_place(one)}".rstrip() for one in known]
    if absent := _absent(told.features):
        lines.append(f"Not known: {', '.join(absent)}.")
    return "\n".join(lines)


def in_depth_words(told: Explanation) -> str:
    """One feature: what it is, its value, and each record that it rests on."""
    (one,) = told.features
    unit = f", in {one.feature.unit}" if one.feature.unit else ""
    lines = [
        _head(told),
        f"{one.feature.name}{unit}: {one.feature.definition}",
        f"  {one.text[:1].upper()}{one.text[1:]}.",
    ]
    if not one.sources:
        return "\n".join([*lines, "It rests on no record."])
    many = len(one.sources) != 1
    lines.append(f"It rests on {len(one.sources)} {'records' if many else 'record'}:")
    for record in one.sources[:SHOWN]:
        when = "" if record.time is None else f" at {record.time[:16]}Z"
        lines.append(
            f"  {record.text}{when}, known from {record.known_at[:16]}Z on: "
            f"{_place(record)} ({record.file[:12]}), {record.code}"
        )
    if len(one.sources) > SHOWN:
        lines.append(f"  … and {len(one.sources) - SHOWN} older ones: --json prints all.")
    return "\n".join(lines)


def _head(told: Explanation) -> str:
    return f"{told.model} as of {told.as_of[:16]}Z, from {told.data}"


def _first_place(one: ExplainedFeature) -> str:
    if not one.sources:
        return ""
    more = f" and {len(one.sources) - 1} more" if len(one.sources) > 1 else ""
    return f"{_place(one.sources[0])}{more}"


def _place(record: RawRecord) -> str:
    return f"{record.name} {record.unit} {record.place}"


def _by_label(features: Sequence[ExplainedFeature]) -> dict[str, list[ExplainedFeature]]:
    """What belongs together, in the order in which each label comes first."""
    found: dict[str, list[ExplainedFeature]] = {}
    for one in features:
        found.setdefault(one.feature.label, []).append(one)
    return found


def _absent(features: Sequence[ExplainedFeature]) -> list[str]:
    """What is not known: a label where nothing of it is, or else the features one by one."""
    names: list[str] = []
    for label, some in _by_label(features).items():
        absent = [one.feature.title for one in some if not one.is_known]
        names += [label] if len(absent) == len(some) else absent
    return names
