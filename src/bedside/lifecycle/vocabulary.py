"""The features of a model, once its training subjects have decided what there is to choose from."""

import polars as pl

from bedside.core.records.declaration import Declaration
from bedside.core.records.features import Learnt
from bedside.data.store.snapshot import Snapshot
from bedside.features.definition import expand, feature_set_to_json
from bedside.features.vocabulary import choose, columns_of, is_open, rows_of
from bedside.lifecycle.platform import Platform

__all__ = ["feature_set_of"]


def feature_set_of(
    platform: Platform, declaration: Declaration, snapshot: Snapshot, asked: pl.DataFrame
) -> bytes:
    """The feature set as JSON; codes and categories that were left open are chosen.

    Args:
        platform: Is told which codes were left out, and why.
        declaration: Its rules and signals.
        snapshot: Of prepared events.
        asked: Every asked row with its side; only those of the training subjects are looked at.
    """
    learnt = Learnt()
    if is_open(declaration):
        train = asked.filter(pl.col("side") == "train")
        shards = snapshot.shards(columns_of(declaration), rows_of(declaration))
        learnt = choose(declaration, shards, train)
    if learnt.mixed_units:
        platform.progress.note(
            "Not chosen, because their numbers come in several units: "
            f"{', '.join(learnt.mixed_units[:5])}"
            + (f" and {len(learnt.mixed_units) - 5} more." if len(learnt.mixed_units) > 5 else ".")
        )
    return feature_set_to_json(expand(declaration, learnt))
