"""The digest of what a shard says: of its rows, not of the file that holds them."""

from hashlib import sha256
from typing import Any

import numpy as np
import polars as pl

from bedside.core.ids import canonical_json

__all__ = ["content_digest"]


def content_digest(events: pl.DataFrame) -> str:
    """SHA-256 over the columns in their order: names, empty places, and values.

    It does not depend on compression, on the encryption, on how a dictionary is numbered, or on
    the versions of the libraries that write the file.

    Args:
        events: Already in their stored order.
    """
    digest = sha256(f"bedside-content/1:{events.height}".encode())
    for series in events.get_columns():
        _update(digest, series.rechunk())
    return digest.hexdigest()


def _update(digest: Any, series: pl.Series) -> None:
    empty = series.null_count()
    digest.update(f"|{series.name}:{empty}|".encode())
    if 0 < empty < len(series):
        digest.update(np.packbits(series.is_null().to_numpy()))
    if empty == len(series):
        return
    if series.dtype in (pl.String, pl.Binary, pl.Categorical):
        _update_texts(digest, series)
    else:
        numbers = series.to_physical()
        physical = (numbers.fill_null(0) if empty else numbers).to_numpy()
        digest.update(np.ascontiguousarray(physical).view(np.uint8))


def _update_texts(digest: Any, series: pl.Series) -> None:
    """The length of each text, and all of them in a row."""
    if series.dtype == pl.Categorical:
        _update_dictionary(digest, series)
        return
    told = series.drop_nulls().cast(pl.Binary).rechunk()
    lengths = told.bin.size().cast(pl.UInt32).to_numpy()
    digest.update(np.ascontiguousarray(lengths).view(np.uint8))
    _, _, data = told.to_arrow(compat_level=pl.CompatLevel.oldest()).buffers()
    if data is not None:
        digest.update(memoryview(data)[: int(lengths.sum(dtype=np.int64))])


def _update_dictionary(digest: Any, series: pl.Series) -> None:
    """The texts that occur, in their order, and the place of each row's text among them."""
    found = series.unique().drop_nulls()
    texts = found.cast(pl.String).to_list()
    order = sorted(range(len(texts)), key=texts.__getitem__)
    digest.update(canonical_json([texts[at] for at in order]))
    physical = found.to_physical().to_numpy()
    place = np.zeros(int(physical.max()) + 1, dtype=np.uint32)
    place[physical[order]] = np.arange(len(order), dtype=np.uint32)
    rows = series.to_physical()
    numbered = place[(rows.fill_null(physical[order[0]]) if rows.null_count() else rows).to_numpy()]
    digest.update(numbered.view(np.uint8))
