"""Rows as encrypted Parquet bytes and back (Parquet Modular Encryption, AES_GCM_V1)."""

from io import BytesIO
from typing import TYPE_CHECKING

import polars as pl

from bedside.core.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ROW_GROUP", "read_encrypted", "write_encrypted"]

ROW_GROUP = 1 << 17  # rows: one patient costs one of these


def write_encrypted(events: pl.DataFrame, *, key: bytes, label: str) -> bytes:
    """Parquet bytes, footer and every column encrypted with one key of this file alone.

    Args:
        events: The rows in their stored order.
        key: 32 bytes.
        label: What the file is; not stored in it, and needed to read it, so that a file that was
            put in another one's place does not open.
    """
    buffer = BytesIO()
    events.write_parquet(
        buffer,
        compression="zstd",
        compression_level=1,
        row_group_size=ROW_GROUP,
        encryption=pl.ParquetEncryptionProperties(footer_key=key, aad_prefix=label.encode()),
    )
    return buffer.getvalue()


def read_encrypted(
    content: bytes,
    *,
    key: bytes,
    label: str,
    columns: "Sequence[str] | None" = None,
    where: pl.Expr | None = None,
) -> pl.DataFrame:
    """The rows again, or those columns and rows of them that are wanted.

    Raises:
        Refused: a byte was changed, or it is not the file that the label names (code
            `shard_tampered`).
    """
    opened = pl.ParquetDecryptionProperties(footer_key=key, aad_prefix=label.encode())
    try:
        lazy = pl.scan_parquet(BytesIO(content), decryption=opened)
        if where is not None:
            lazy = lazy.filter(where)
        return (lazy if columns is None else lazy.select(columns)).collect()
    except (pl.exceptions.PolarsError, OSError):  # whatever it says, it may repeat a value
        raise Refused(
            "A shard does not open with its key: it was changed, or put in another one's place.",
            fix="restore it from a backup, or build the snapshot again.",
            code="shard_tampered",
        ) from None
