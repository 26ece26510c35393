"""Tables and matrices as bytes and back, the same bytes for the same content."""

from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["array_bytes", "array_of", "frame_bytes", "frame_of"]


def frame_bytes(frame: pl.DataFrame) -> bytes:
    """Parquet bytes of a table."""
    buffer = BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=1)
    return buffer.getvalue()


def frame_of(content: bytes) -> pl.DataFrame:
    """The table again."""
    return pl.read_parquet(BytesIO(content))


def array_bytes(array: npt.NDArray[Any]) -> bytes:
    """NumPy's own file format, without pickled objects."""
    buffer = BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def array_of(content: bytes) -> npt.NDArray[Any]:
    """The array again."""
    loaded: npt.NDArray[Any] = np.load(BytesIO(content), allow_pickle=False)
    return loaded
