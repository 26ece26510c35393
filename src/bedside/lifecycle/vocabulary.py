"""The features of a model, once its training subjects have decided what there is to choose from."""

import polars as pl

from bedside.core.records.declaration import Declaration
from bedside.core.records.features import Learnt
from bedside.data.store.snapshot import Snapshot
from bedside.features.definition import expand, feature_set_to_json

__all__ = ["feature_set_of"]


def feature_set_of(declaration: Declaration, snapshot: Snapshot, asked: pl.DataFrame) -> bytes:
    """The feature set as JSON; codes and categories that were left open are chosen.

    Args:
        declaration: Its rules and signals.
        snapshot: Of prepared events.
        asked: Every asked row with its side; only those of the training subjects are looked at.
    """
    open_codes = any(rule.vocabulary for rule in declaration.features)
    open_categories = any(signal.learn_categories for signal in declaration.signals.values())
    learnt = Learnt()
    if open_codes or open_categories:
        from bedside.features.vocabulary import choose, columns_of

        train = asked.filter(pl.col("side") == "train")
        learnt = choose(declaration, snapshot.shards(columns_of(declaration)), train)
    return feature_set_to_json(expand(declaration, learnt))
