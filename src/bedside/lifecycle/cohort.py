"""From a raw table to what a model sees: events, prediction times, features, subgroups."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.cohorts.question.primary import primary_label
from bedside.core.errors import Invalid
from bedside.core.records.declaration import Declaration
from bedside.core.records.outcome import Outcome
from bedside.data.collect.bundled import bundled_file
from bedside.data.collect.reading import Received, read_file
from bedside.data.store.layout import buckets
from bedside.data.store.snapshot import Snapshot
from bedside.features.batch import features_at
from bedside.features.definition import FeatureSet

__all__ = [
    "band_names",
    "build_features",
    "codes_read",
    "counts_of",
    "group_codes",
    "groups_of",
    "levels_of",
    "received_file",
    "rows_by_shard",
    "subject_indices",
    "texts_of",
]

BINARY = Outcome()
AT_ONCE = 1000  # subjects whose features are computed at once


def received_file(declaration: Declaration, data: Path | None) -> Received:
    """The declared file in the folder `data` (or that very file), or the bundled data.

    Raises:
        Invalid: no data were given and none are bundled.
        NotFound: the file is not there.
    """
    if data is not None:
        path = data / declaration.data.file if data.is_dir() else data
        return read_file(path, subject=declaration.data.subject)
    if declaration.data.bundled is None:
        raise Invalid(
            f"'{declaration.name}' has no bundled data.",
            fix=f"give the folder that holds {declaration.data.file} with --data.",
            code="no_data",
        )
    return bundled_file()


def codes_read(declaration: Declaration) -> frozenset[str]:
    """The codes that a declaration names: of a patient's record it reads nothing else.

    A regular expression of the question stands as it was written.
    """
    found = {code for one in declaration.signals.values() for code in (one.code, *one.also)}
    question = declaration.question
    for predicate in (*question.predicates.values(), *question.patient_demographics.values()):
        if isinstance(predicate.code, str):
            found.add(predicate.code)
        elif predicate.code is not None:
            told = predicate.code.regex
            found.update(predicate.code.any if told is None else (told,))
    return frozenset(found)


def rows_by_shard(snapshot: Snapshot, asked: pl.DataFrame) -> list[tuple[int, int]]:
    """For each shard, the first asked row of its subjects and the one after the last.

    Args:
        snapshot: With its merges folded.
        asked: In the order of the shards.
    """
    last = np.array([shard.last_bucket for shard in snapshot.manifest.shards])
    ends = np.searchsorted(
        np.searchsorted(last, buckets(asked["subject_id"])), range(len(last) + 1)
    )
    return [(int(start), int(end)) for start, end in pairwise(ends)]


def build_features(
    feature_set: FeatureSet,
    events: pl.DataFrame,
    asked: pl.DataFrame,
    advance: Callable[[int], None],
) -> npt.NDArray[np.float64]:
    """The feature matrix of every asked row of one shard, in the order of `asked`.

    Args:
        feature_set: What to compute.
        events: Every event of the subjects.
        asked: By subject and time.
        advance: Is told of the subjects as they are done.
    """
    subjects = asked["subject_id"].unique().sort()
    parts = []
    for at in range(0, len(subjects), AT_ONCE):
        some = subjects[at : at + AT_ONCE]
        inside = pl.col("subject_id").is_between(some[0], some[-1])
        parts.append(features_at(feature_set, events.filter(inside), asked.filter(inside)))
        advance(len(some))
    return np.concatenate(parts)


def subject_indices(asked: pl.DataFrame) -> npt.NDArray[np.int64]:
    """Shape (n,): the subject of each row, counted from 0 in row order."""
    return asked["subject_id"].rle_id().cast(pl.Int64).to_numpy()


def group_codes(declaration: Declaration) -> list[str]:
    """The codes of the events that say to which subgroup a subject belongs."""
    groups = declaration.evaluation.subgroups.values()
    return sorted({declaration.signals[group.signal].code for group in groups})


def groups_of(
    declaration: Declaration, events: pl.DataFrame, asked: pl.DataFrame
) -> dict[str, npt.NDArray[np.str_]]:
    """For each declared subgroup, the level of each asked row; "unknown" where not recorded."""
    levels = levels_of(declaration, events)
    joined = asked.select("subject_id").join(
        levels, on="subject_id", how="left", maintain_order="left"
    )
    return {
        name: joined[name].fill_null("unknown").to_numpy().astype(str)
        for name in declaration.evaluation.subgroups
    }


def levels_of(declaration: Declaration, events: pl.DataFrame) -> pl.DataFrame:
    """The level of each subject in each declared subgroup: a row a subject, null where unknown."""
    levels = events.select("subject_id").unique().sort("subject_id")
    for name, group in declaration.evaluation.subgroups.items():
        signal = declaration.signals[group.signal]
        told = events.filter(pl.col("code") == signal.code).unique(
            "subject_id", keep="first", maintain_order=True
        )
        level = pl.col("text").cast(pl.String) if signal.is_categorical else _band(group.edges)
        own = told.select("subject_id", level.alias(name))
        levels = levels.join(own, on="subject_id", how="left", maintain_order="left")
    return levels


def texts_of(declaration: Declaration, name: str, snapshot: Snapshot) -> pl.DataFrame:
    """What a signal says of each subject and when: subject_id, time, text."""
    code = declaration.signals[name].code
    told = snapshot.shards(["subject_id", "time", "text"], pl.col("code") == code)
    return pl.concat([part.with_columns(pl.col("text").cast(pl.String)) for part in told])


def _band(edges: tuple[float, ...]) -> pl.Expr:
    names = band_names(edges)
    level = pl.lit(names[-1])
    for edge, name in reversed(list(zip(edges, names, strict=False))):
        level = pl.when(pl.col("value") < edge).then(pl.lit(name)).otherwise(level)
    return pl.when(pl.col("value").is_not_null()).then(level)


def band_names(edges: tuple[float, ...]) -> list[str]:
    """The names of the bands between these edges, one more than there are edges."""
    if not edges:
        return ["all"]
    inner = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return [f"under {edges[0]:g}", *inner, f"{edges[-1]:g} and over"]


def counts_of(asked: pl.DataFrame, outcome: Outcome = BINARY) -> Mapping[str, dict[str, int]]:
    """Subjects, rows and positive rows on each side of the split; a number is never positive.

    Args:
        asked: Every asked row with its side.
        outcome: What its label means.
    """
    label = pl.lit(0) if outcome.kind == "regression" else primary_label(asked, outcome)
    asked = asked.with_columns(label.alias("label"))
    return {
        side: {
            "subjects": part["subject_id"].n_unique(),
            "rows": part.height,
            "positive": int(part["label"].sum()),
        }
        for side in ("train", "tuning", "held_out")
        for part in (asked.filter(pl.col("side") == side),)
    }
