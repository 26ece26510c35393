"""Rows of an OMOP table that tell what happened to a patient, as facts."""

from collections import Counter
from dataclasses import dataclass, field

import polars as pl

from bedside.data.collect.formats.omop_columns import number, whole
from bedside.data.collect.formats.omop_concepts import Concepts
from bedside.interop.omop.concepts import ADMINISTERED, BOUNDS
from bedside.interop.omop.tables import OmopTable

__all__ = ["Made", "coded", "event_facts", "filled"]

LONGEST_CODE = 200  # characters; the CDM gives a source value 50
MOST_UNKNOWN = 1000  # different source values that are told of one part


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The facts of a table, what gave none, and the source values that no concept stands for."""

    facts: pl.DataFrame
    dropped: Counter[str] = field(default_factory=Counter)
    codes_unknown: dict[str, int] = field(default_factory=dict)


def filled(column: pl.Series) -> pl.Series:
    """A column of text; an empty field is null."""
    text = column.cast(pl.String).str.strip_chars()
    return text.set((text == "").fill_null(value=False), None)


def coded(concepts: pl.Series, words: pl.Series | None, known: Concepts) -> pl.Series:
    """The code of each concept, or else the words."""
    code = known.codes(whole(concepts))
    return code if words is None else code.zip_with(code.is_not_null(), filled(words))


def event_facts(
    rows: pl.DataFrame,
    base: pl.DataFrame,
    table: OmopTable,
    known: Concepts,
    end: pl.Series | None,
) -> Made:
    """The facts of a table of events.

    Args:
        rows: The columns of the table.
        base: What every fact of a row shares: subject, time, encounter, record, identity, offset.
        table: The table.
        known: The concepts.
        end: When each ended, null where it has not, or nobody knows.
    """
    dropped: Counter[str] = Counter()
    code, unknown = _codes(rows, table, known)
    number_of, unit, spoilt = _values(rows, table, known)
    text = _texts(rows, table, known)
    number_of, text = _bounded(rows, number_of, text)
    whole_facts = base.with_columns(
        _kind(rows, table).alias("kind"),
        code.alias("code"),
        number_of.alias("value"),
        unit.alias("unit"),
        text.alias("text"),
        pl.lit(value=False).alias("retracts"),
        pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias("recorded"),
        (pl.lit(None, dtype=pl.Datetime("us", "UTC")) if end is None else end).alias("end"),
        spoilt.alias("_spoilt"),
    )
    turned = pl.col("end") < pl.col("time")
    dropped["the end lies before the beginning"] = _count(whole_facts, turned)
    whole_facts = whole_facts.with_columns(pl.when(~turned).then(pl.col("end")).alias("end"))
    nameless = pl.col("code").is_null()
    dropped["there is neither a concept nor a source value"] = _count(whole_facts, nameless)
    dropped["the value is not a finite number"] = _count(whole_facts, ~nameless & pl.col("_spoilt"))
    facts = whole_facts.filter(~nameless & ~pl.col("_spoilt")).drop("_spoilt")
    if table.ends_apart:
        kept = pl.Series("kept", ~code.is_null() & ~spoilt)
        facts = _with_ends(facts, rows.filter(kept), table, known)
    elif table.kind == "procedure":
        facts = facts.with_columns(pl.coalesce("end", "time").alias("end"))
    return Made(facts=facts, dropped=dropped, codes_unknown=unknown)


def _count(frame: pl.DataFrame, mask: pl.Expr) -> int:
    return int(frame.select(mask.fill_null(value=False).sum()).item())


def _codes(
    rows: pl.DataFrame, table: OmopTable, known: Concepts
) -> tuple[pl.Series, dict[str, int]]:
    """The code of each row, and how often a source value stands for none."""
    if table.concept is None:
        fixed = "MEDS//DEATH" if table.kind == "death" else f"OMOP//{table.name}"
        return pl.repeat(fixed, rows.height, eager=True), {}
    code = coded(rows[table.concept], None, known)
    if table.source_concept is not None:
        other = known.codes(whole(rows[table.source_concept]))
        code = code.zip_with(code.is_not_null(), other)
    if table.source_value is None:
        return code, {}
    words = filled(rows[table.source_value])
    words = words.set((words.str.len_chars() > LONGEST_CODE).fill_null(value=False), None)
    local = pl.DataFrame({"code": code, "words": words}).with_columns(
        (pl.lit("LOCAL//") + pl.col("words")).alias("local")
    )
    unknown = local.filter(pl.col("code").is_null() & pl.col("words").is_not_null())["words"]
    told = unknown.value_counts(sort=True)
    counts = {f"{table.name}|{word}": int(n) for word, n in told.head(MOST_UNKNOWN).iter_rows()}
    if told.height > MOST_UNKNOWN:
        counts[f"{table.name}|(others)"] = int(told["count"][MOST_UNKNOWN:].sum())
    return local.select(pl.coalesce("code", "local").alias("code"))["code"], counts


def _values(
    rows: pl.DataFrame, table: OmopTable, known: Concepts
) -> tuple[pl.Series, pl.Series, pl.Series]:
    """Value, unit, and whether something stands there that is not a finite number."""
    none = pl.repeat(None, rows.height, dtype=pl.Float64, eager=True)
    words = pl.repeat(None, rows.height, dtype=pl.String, eager=True)
    never = pl.repeat(False, rows.height, dtype=pl.Boolean, eager=True)
    if table.number is None:
        return none, words, never
    said = rows[table.number]
    if said.dtype == pl.String:
        said = filled(said)
    value = number(said)
    spoilt = said.is_not_null() & ~value.is_finite().fill_null(value=False)
    value = value.set(spoilt, None)
    if table.kind == "medication_request":  # tools that know no quantity write 0
        value = value.set((value == 0).fill_null(value=False), None)
    unit = words if table.unit_source_value is None else filled(rows[table.unit_source_value])
    if table.unit_concept is not None:
        ucum = known.units(whole(rows[table.unit_concept]))
        unit = ucum.zip_with(ucum.is_not_null(), unit)
    return value, unit.set(value.is_null(), None), spoilt


def _texts(rows: pl.DataFrame, table: OmopTable, known: Concepts) -> pl.Series:
    """A value that is a code or words; words that merely repeat a number are left out."""
    text = pl.repeat(None, rows.height, dtype=pl.String, eager=True)
    if table.text_concept is not None:
        text = coded(rows[table.text_concept], None, known)
    for name in table.text:
        words = filled(rows[name])
        if name == "value_source_value" and table.number is not None:
            words = words.set(number(rows[table.number]).is_not_null(), None)
        text = text.zip_with(text.is_not_null(), words)
    return text


def _bounded(rows: pl.DataFrame, value: pl.Series, text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """A value that is only a bound (`<5`) becomes a text: it is not a number that was measured."""
    if "operator_concept_id" not in rows.columns:
        return value, text
    operator = whole(rows["operator_concept_id"])
    sign = operator.replace_strict(BOUNDS, default=None, return_dtype=pl.String)
    bound = (sign.is_not_null() & value.is_not_null()).alias("bound")
    frame = pl.DataFrame({"sign": sign, "value": value, "text": text, "bound": bound})
    said = pl.col("sign") + pl.col("value").cast(pl.String).str.replace(r"\.0$", "")
    made = frame.select(
        pl.when(~pl.col("bound")).then(pl.col("value")).alias("value"),
        pl.when("bound").then(said).otherwise(pl.col("text")).alias("text"),
    )
    return made["value"], made["text"]


def _kind(rows: pl.DataFrame, table: OmopTable) -> pl.Series:
    kinds = pl.repeat(table.kind, rows.height, eager=True)
    if table.name != "drug_exposure":
        return kinds
    given = whole(rows["drug_type_concept_id"]).is_in(list(ADMINISTERED)).fill_null(value=False)
    return kinds.set(given, "medication_administration")


def _with_ends(
    facts: pl.DataFrame, rows: pl.DataFrame, table: OmopTable, known: Concepts
) -> pl.DataFrame:
    """The beginnings without their ends, and the ends as facts of their own.

    The text of an end says where to, or why; where it says neither, what it is that ended.
    """
    nothing = pl.lit(None, dtype=pl.String)
    words = pl.repeat(None, rows.height, dtype=pl.String, eager=True)
    if table.end_concept is not None:
        words = coded(rows[table.end_concept], None, known)
    if table.end_text is not None:
        words = words.zip_with(words.is_not_null(), filled(rows[table.end_text]))
    ends = facts.with_columns(
        pl.col("end").alias("time"),
        (pl.col("kind") + "_end").alias("kind"),
        pl.lit(f"OMOP//{table.name}_end").alias("code"),
        pl.coalesce(words.alias("text"), pl.col("code")).alias("text"),
        pl.lit(None, dtype=pl.Float64).alias("value"),
        nothing.alias("unit"),
    ).filter(pl.col("time").is_not_null())
    both = pl.concat([facts, ends])
    return both.with_columns(pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias("end"))
