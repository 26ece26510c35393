"""The person table of the OMOP CDM: who somebody is, as facts."""

from collections import Counter

import polars as pl

from bedside.data.collect.formats.omop_columns import EARLIEST, LATEST, instants, whole
from bedside.data.collect.formats.omop_concepts import Concepts
from bedside.data.collect.formats.omop_facts import Made, coded, filled
from bedside.interop.omop.concepts import SEX, SEX_WORDS

__all__ = ["PERSON_COLUMNS", "person_facts"]

PERSON_COLUMNS = (
    "year_of_birth",
    "month_of_birth",
    "day_of_birth",
    "gender_concept_id",
    "gender_source_value",
    "race_concept_id",
    "race_source_value",
    "ethnicity_concept_id",
    "ethnicity_source_value",
)
UTC_US = pl.Datetime("us", "UTC")


def person_facts(rows: pl.DataFrame, base: pl.DataFrame, known: Concepts) -> Made:
    """Birth, sex, race and ethnicity of each person; the last three are static.

    Args:
        rows: `PERSON_COLUMNS` and `birth_datetime`.
        base: What every fact of a row shares.
        known: The concepts.
    """
    dropped: Counter[str] = Counter()
    birth = _births(rows)
    dropped["the date of birth is no date, or in no possible year"] = birth.null_count()
    sex = _sexes(rows)
    race = coded(rows["race_concept_id"], rows["race_source_value"], known)
    ethnicity = coded(rows["ethnicity_concept_id"], rows["ethnicity_source_value"], known)
    born = _facts(base, "MEDS//BIRTH", None).with_columns(birth.alias("time"))
    static = [
        _facts(base, "BEDSIDE//sex", sex),
        _facts(base, "OMOP//race", race),
        _facts(base, "OMOP//ethnicity", ethnicity),
    ]
    told = (one.filter(pl.col("text").is_not_null()) for one in static)
    return Made(
        facts=pl.concat([born.filter(pl.col("time").is_not_null()), *told]), dropped=dropped
    )


def _facts(base: pl.DataFrame, code: str, text: pl.Series | None) -> pl.DataFrame:
    return base.with_columns(
        pl.lit(None, dtype=UTC_US).alias("time"),
        pl.lit(None, dtype=UTC_US).alias("end"),
        pl.lit(None, dtype=UTC_US).alias("recorded"),
        pl.lit("patient").alias("kind"),
        pl.lit(code).alias("code"),
        pl.lit(None, dtype=pl.Float64).alias("value"),
        pl.lit(None, dtype=pl.String).alias("unit"),
        (pl.lit(None, dtype=pl.String) if text is None else text).alias("text"),
        pl.lit(value=False).alias("retracts"),
    )


def _births(rows: pl.DataFrame) -> pl.Series:
    """Midnight, UTC, of each day of birth.

    Where only the year or the month is told, the middle of it: no other day is nearer on average.
    """
    parts = pl.DataFrame(
        {
            "year": whole(rows["year_of_birth"]),
            "month": whole(rows["month_of_birth"]),
            "day": whole(rows["day_of_birth"]),
            "told": instants(rows["birth_datetime"], rows["birth_datetime"], "UTC"),
        }
    )
    year = pl.when(pl.col("year").is_between(EARLIEST, LATEST)).then(pl.col("year"))
    month = pl.when(pl.col("month").is_between(1, 12)).then(pl.col("month"))
    day = pl.when(pl.col("day").is_between(1, 31)).then(pl.col("day"))
    text = pl.format(
        "{}-{}-{}",
        year,
        month.fill_null(7).cast(pl.String).str.zfill(2),
        pl.when(month.is_null()).then(1).otherwise(day.fill_null(15)).cast(pl.String).str.zfill(2),
    )
    counted = text.str.to_date("%Y-%m-%d", strict=False)
    born = pl.coalesce(pl.col("told").dt.date(), counted)
    placed = born.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return parts.select(placed.alias("birth"))["birth"]


def _sexes(rows: pl.DataFrame) -> pl.Series:
    concept = whole(rows["gender_concept_id"])
    sex = concept.replace_strict(SEX, default=None, return_dtype=pl.String)
    words = filled(rows["gender_source_value"]).str.to_lowercase()
    meant = words.replace_strict(SEX_WORDS, default=None, return_dtype=pl.String)
    return sex.zip_with(sex.is_not_null(), meant).fill_null("unknown")
