"""Events as MEDS 0.4: shards of Parquet, their metadata, and a report of what MEDS cannot say."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from bedside.core.clock import iso
from bedside.core.records.event import MERGED_INTO, TAKEN_BACK
from bedside.data.store.as_of import as_of
from bedside.interop.meds.loss import Loss
from bedside.interop.meds.names import VERSION, meds_code, parent_of

__all__ = ["MedsExport"]

ALWAYS = datetime(9999, 1, 1, tzinfo=UTC)
DATA = pa.schema(
    [
        pa.field("subject_id", pa.int64(), nullable=False),
        pa.field("time", pa.timestamp("us")),
        pa.field("code", pa.string(), nullable=False),
        pa.field("numeric_value", pa.float32()),
        pa.field("text_value", pa.large_string()),
    ]
)
CODES = pa.schema(
    [
        pa.field("code", pa.string(), nullable=False),
        pa.field("description", pa.string()),
        pa.field("parent_codes", pa.list_(pa.string())),
        pa.field("unit", pa.string()),
    ]
)
_UNITS = {"code": pl.String, "unit": pl.String, "n": pl.Int64}


@dataclass(slots=True)
class MedsExport:
    """One export, shard by shard; `metadata` and `loss` tell of all that were given.

    Args:
        moment: Only what was known then, as it was known; None: everything that still stands.
    """

    moment: datetime | None = None
    _counts: Counter[str] = field(default_factory=Counter)
    _units: list[pl.DataFrame] = field(default_factory=list)

    def shard(self, events: pl.DataFrame) -> bytes | None:
        """The Parquet bytes of one shard, each subject whole and in the order of time.

        Corrections, withdrawals and merges are folded: what is replaced is left out, and merged
        subjects stand under the identifier that survived. Times are UTC without a zone; static
        facts come first.

        Args:
            events: Every event of its subjects (`STORED_SCHEMA`).

        Returns:
            None where nothing was known yet.
        """
        moment = self.moment or ALWAYS
        seen = events.filter(pl.col("known_at") <= moment).height
        code = pl.col("code").cast(pl.String)
        current = (
            as_of(events, moment)
            .with_columns(code, pl.col("unit").cast(pl.String))
            .filter(~code.is_in([MERGED_INTO, TAKEN_BACK]))
            .sort("subject_id", "time", "known_at", nulls_last=False, maintain_order=True)
        )
        narrow = current["value"].cast(pl.Float32, strict=False)
        large = (narrow.is_infinite() & current["value"].is_finite()).fill_null(value=False)
        narrow = narrow.set(large, None)
        self._count(current, narrow, large, folded=seen - current.height)
        return _parquet(_rows(current, narrow), DATA) if current.height else None

    def _count(
        self, current: pl.DataFrame, narrow: pl.Series, large: pl.Series, *, folded: int
    ) -> None:
        told = {name: current[name].count() for name in ("end", "encounter_id", "replaces")}
        late = (current["known_at"] > current["time"]).fill_null(value=False)
        exact = current["value"].set(large, None)
        rounded = (narrow.cast(pl.Float64) != exact).fill_null(value=False)
        self._counts.update(
            {
                **told,
                "events": current.height,
                "known_at": int(late.sum()),
                "static_known_at": current["time"].null_count(),
                "folded": folded,
                "rounded": int(rounded.sum()),
                "too_large": int(large.sum()),
                "source_place": int((current["source_offset"] >= 0).sum()),
            }
        )
        units = current.group_by("code", "unit").agg(pl.len().cast(pl.Int64).alias("n"))
        self._units.append(units)

    def _by_code(self) -> pl.DataFrame:
        """Each code, its unit where it has just one, and how often its events have one."""
        every = pl.concat([pl.DataFrame(schema=_UNITS), *self._units])
        summed = every.group_by("code", "unit").agg(pl.col("n").sum())
        alone = pl.len() == 1
        return summed.group_by("code").agg(
            pl.when(alone).then(pl.col("unit").first()).alias("unit"),
            pl.col("n").filter(pl.col("unit").is_not_null()).sum().alias("with_unit"),
        )

    @property
    def loss(self) -> Loss:
        """What MEDS could not say of the shards so far."""
        codes = self._by_code()
        told = codes["unit"].is_not_null()
        return Loss(
            **self._counts,
            unit=int(codes.filter(~told)["with_unit"].sum()),
            unit_in_codes=int(codes.filter(told)["with_unit"].sum()),
        )

    def metadata(
        self, *, name: str, version: str, etl_version: str, created_at: datetime
    ) -> dict[str, bytes]:
        """`metadata/dataset.json`, `metadata/codes.parquet` and `loss.json`, by their paths.

        Args:
            name: Of the data set.
            version: The digest of its snapshot.
            etl_version: The version of Bedside.
            created_at: Time-zone aware.
        """
        dataset = {
            "dataset_name": name,
            "dataset_version": version,
            "etl_name": "bedside",
            "etl_version": etl_version,
            "meds_version": VERSION,
            "created_at": iso(created_at),
        }
        codes = self._by_code().sort("code")
        names = [meds_code(code) for code in codes["code"]]
        parents = [[one] if (one := parent_of(code)) else None for code in names]
        table = codes.select(
            pl.Series("code", names, dtype=pl.String),
            pl.lit(None, dtype=pl.String).alias("description"),
            pl.Series("parent_codes", parents, dtype=pl.List(pl.String)),
            "unit",
        ).unique("code", keep="first", maintain_order=True)
        return {
            "metadata/dataset.json": _json(dataset),
            "metadata/codes.parquet": _parquet(table, CODES),
            "loss.json": _json(self.loss.as_json()),
        }


def _rows(current: pl.DataFrame, narrow: pl.Series) -> pl.DataFrame:
    every = current["code"].unique().to_list()
    codes = {code: meds_code(code) for code in every}
    return current.select(
        "subject_id",
        pl.col("time").dt.convert_time_zone("UTC").dt.replace_time_zone(None),
        pl.col("code").replace_strict(codes, return_dtype=pl.String),
        narrow.alias("numeric_value"),
        pl.col("text").alias("text_value"),
    )


def _parquet(table: pl.DataFrame, schema: pa.Schema) -> bytes:
    buffer = BytesIO()
    pq.write_table(table.to_arrow().cast(schema), buffer, compression="zstd")
    return buffer.getvalue()


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()
