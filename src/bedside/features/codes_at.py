"""Which codes stand behind the signals, of many rows at once: what `codes_of` says of each."""

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.records.codes_seen import CodeSeen, codes_to_text
from bedside.core.records.declaration import Declaration
from bedside.features.codes_seen import Rule, code_seen, rules_of

__all__ = ["codes_by_row"]


def codes_by_row(
    declaration: Declaration,
    events: pl.DataFrame,
    asked: pl.DataFrame,
    *,
    unknown: Collection[str] = (),
) -> npt.NDArray[np.str_]:
    """What `codes_of` gives for each row, shape (n,); corrections are not looked at.

    Args:
        declaration: As it is served.
        events: Columns subject_id, time, known_at, code and text at least; more codes do no harm.
        asked: n rows with subject_id and prediction_time.
        unknown: Codes that no signal has, and that a wire brings.
    """
    of_none = Rule(signal="", labels=None, counts_known=False)
    rules = {**rules_of(declaration), **dict.fromkeys(unknown, of_none)}
    if not rules or not asked.height:
        return np.full(asked.height, "")
    first = (
        events.with_columns(pl.col("code", "text").cast(pl.String))
        .filter(pl.col("code").is_in(list(rules)))
        .group_by("subject_id", "code", "text")
        .agg(pl.max_horizontal("time", "known_at").min().alias("since"))
    )
    told = first.unique(["code", "text"]).select("code", "text")
    marks = [_mark(rules[code], code, text) for code, text in told.iter_rows()]
    named = told.with_columns(pl.Series("mark", marks, dtype=pl.String)).drop_nulls("mark")
    first = first.join(named, on=["code", "text"], nulls_equal=True).drop("code", "text")
    rows = asked.select("subject_id", "prediction_time").with_row_index("row")
    seen = (
        rows.join(first, on="subject_id")
        .filter(pl.col("since").is_null() | (pl.col("since") <= pl.col("prediction_time")))
        .group_by("row")
        .agg(pl.col("mark").unique().sort())
    )
    combined = seen["mark"].list.join("\n").alias("codes")
    fit = [(text, _as_kept(text)) for text in combined.unique().to_list()]
    kept = pl.DataFrame(fit, schema={"codes": pl.String, "kept": pl.String}, orient="row")
    texts = (
        pl.DataFrame({"row": seen["row"], "codes": combined})
        .join(kept, on="codes")
        .select("row", pl.col("kept").alias("codes"))
    )
    joined = rows.join(texts, on="row", how="left", maintain_order="left")["codes"]
    return joined.fill_null("").to_numpy().astype(np.str_)


def _mark(rule: Rule, code: str, text: str | None) -> str | None:
    one = code_seen(rule, code, text)
    return None if one is None else codes_to_text([one])


def _as_kept(text: str) -> str:
    return codes_to_text(CodeSeen.of(mark) for mark in text.split("\n"))
