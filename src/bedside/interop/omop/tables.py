"""The clinical tables of the OMOP CDM 5.3 and 5.4, and which column of them says what."""

import re
from dataclasses import dataclass
from typing import TypedDict

__all__ = ["NAMES_OF_5_3", "NOT_READ", "TABLES", "VOCABULARY_TABLES", "OmopTable", "table_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OmopTable:
    """One table, in the column names of 5.4.

    Args:
        name: Of the table.
        key: The column that names a row.
        kind: What its rows are facts of.
        required: Columns without which it is not this table. They are what both versions require,
            except for the text of a note, which is not read.
        date, datetime: When it happened, or began; the datetime counts where it is filled.
        end_date, end_datetime: When it ended.
        ends_apart: The end is found out later than the beginning, so it is a fact of its own
            (kind `<kind>_end`); otherwise the fact is an interval.
        concept, source_concept, source_value: What it is, from the standard's code to the source's
            own word.
        number, unit_concept, unit_source_value: A value.
        text_concept, text: A value that is a code, or words; the first that says something counts.
        end_concept, end_text: The same for the end that stands apart.
        encounter: The column with the visit.
    """

    name: str
    key: str
    kind: str
    required: tuple[str, ...]
    date: str
    datetime: str | None = None
    end_date: str | None = None
    end_datetime: str | None = None
    ends_apart: bool = False
    concept: str | None = None
    source_concept: str | None = None
    source_value: str | None = None
    number: str | None = None
    unit_concept: str | None = None
    unit_source_value: str | None = None
    text_concept: str | None = None
    text: tuple[str, ...] = ()
    end_concept: str | None = None
    end_text: str | None = None
    encounter: str | None = "visit_occurrence_id"


class _Named(TypedDict):
    concept: str
    source_concept: str
    source_value: str
    date: str
    datetime: str


def _named(stem: str, what: str) -> _Named:
    """The columns that are called alike in most tables."""
    return {
        "concept": f"{what}_concept_id",
        "source_concept": f"{what}_source_concept_id",
        "source_value": f"{what}_source_value",
        "date": f"{stem}_date",
        "datetime": f"{stem}_datetime",
    }


_TABLES = (
    OmopTable(
        name="person",
        key="person_id",
        kind="patient",
        date="birth_datetime",
        encounter=None,
        required=(
            "person_id",
            "gender_concept_id",
            "year_of_birth",
            "race_concept_id",
            "ethnicity_concept_id",
        ),
    ),
    OmopTable(
        name="observation_period",
        key="observation_period_id",
        kind="observation_period",
        date="observation_period_start_date",
        end_date="observation_period_end_date",
        encounter=None,
        required=(
            "observation_period_id",
            "person_id",
            "observation_period_start_date",
            "observation_period_end_date",
            "period_type_concept_id",
        ),
    ),
    OmopTable(
        name="visit_occurrence",
        key="visit_occurrence_id",
        kind="encounter",
        **_named("visit_start", "visit"),
        end_date="visit_end_date",
        end_datetime="visit_end_datetime",
        ends_apart=True,
        text_concept="admitted_from_concept_id",
        text=("admitted_from_source_value",),
        end_concept="discharged_to_concept_id",
        end_text="discharged_to_source_value",
        required=(
            "visit_occurrence_id",
            "person_id",
            "visit_concept_id",
            "visit_start_date",
            "visit_end_date",
            "visit_type_concept_id",
        ),
    ),
    OmopTable(
        name="visit_detail",
        key="visit_detail_id",
        kind="encounter",
        **_named("visit_detail_start", "visit_detail"),
        end_date="visit_detail_end_date",
        end_datetime="visit_detail_end_datetime",
        ends_apart=True,
        text_concept="admitted_from_concept_id",
        text=("admitted_from_source_value",),
        end_concept="discharged_to_concept_id",
        end_text="discharged_to_source_value",
        required=(
            "visit_detail_id",
            "person_id",
            "visit_detail_concept_id",
            "visit_detail_start_date",
            "visit_detail_end_date",
            "visit_detail_type_concept_id",
            "visit_occurrence_id",
        ),
    ),
    OmopTable(
        name="condition_occurrence",
        key="condition_occurrence_id",
        kind="condition",
        **_named("condition_start", "condition"),
        end_date="condition_end_date",
        end_datetime="condition_end_datetime",
        ends_apart=True,
        text_concept="condition_status_concept_id",
        text=("condition_status_source_value",),
        end_text="stop_reason",
        required=(
            "condition_occurrence_id",
            "person_id",
            "condition_concept_id",
            "condition_start_date",
            "condition_type_concept_id",
        ),
    ),
    OmopTable(
        name="drug_exposure",
        key="drug_exposure_id",
        kind="medication_request",
        **_named("drug_exposure_start", "drug"),
        end_date="drug_exposure_end_date",
        end_datetime="drug_exposure_end_datetime",
        number="quantity",
        unit_source_value="dose_unit_source_value",
        text_concept="route_concept_id",
        text=("route_source_value",),
        required=(
            "drug_exposure_id",
            "person_id",
            "drug_concept_id",
            "drug_exposure_start_date",
            "drug_exposure_end_date",
            "drug_type_concept_id",
        ),
    ),
    OmopTable(
        name="procedure_occurrence",
        key="procedure_occurrence_id",
        kind="procedure",
        **_named("procedure", "procedure"),
        end_date="procedure_end_date",
        end_datetime="procedure_end_datetime",
        text_concept="modifier_concept_id",
        text=("modifier_source_value",),
        required=(
            "procedure_occurrence_id",
            "person_id",
            "procedure_concept_id",
            "procedure_date",
            "procedure_type_concept_id",
        ),
    ),
    OmopTable(
        name="device_exposure",
        key="device_exposure_id",
        kind="device",
        **_named("device_exposure_start", "device"),
        end_date="device_exposure_end_date",
        end_datetime="device_exposure_end_datetime",
        ends_apart=True,
        number="quantity",
        unit_concept="unit_concept_id",
        unit_source_value="unit_source_value",
        required=(
            "device_exposure_id",
            "person_id",
            "device_concept_id",
            "device_exposure_start_date",
            "device_type_concept_id",
        ),
    ),
    OmopTable(
        name="measurement",
        key="measurement_id",
        kind="measurement",
        **_named("measurement", "measurement"),
        number="value_as_number",
        unit_concept="unit_concept_id",
        unit_source_value="unit_source_value",
        text_concept="value_as_concept_id",
        text=("value_source_value",),
        required=(
            "measurement_id",
            "person_id",
            "measurement_concept_id",
            "measurement_date",
            "measurement_type_concept_id",
        ),
    ),
    OmopTable(
        name="observation",
        key="observation_id",
        kind="observation",
        **_named("observation", "observation"),
        number="value_as_number",
        unit_concept="unit_concept_id",
        unit_source_value="unit_source_value",
        text_concept="value_as_concept_id",
        text=("value_as_string", "value_source_value"),
        required=(
            "observation_id",
            "person_id",
            "observation_concept_id",
            "observation_date",
            "observation_type_concept_id",
        ),
    ),
    OmopTable(
        name="death",
        key="person_id",
        kind="death",
        date="death_date",
        datetime="death_datetime",
        text_concept="cause_concept_id",
        text=("cause_source_value",),
        encounter=None,
        required=("person_id", "death_date"),
    ),
    OmopTable(
        name="note",
        key="note_id",
        kind="document",
        date="note_date",
        datetime="note_datetime",
        concept="note_class_concept_id",
        source_concept="note_type_concept_id",
        source_value="note_source_value",
        required=(
            "note_id",
            "person_id",
            "note_date",
            "note_type_concept_id",
            "note_class_concept_id",
            "encoding_concept_id",
            "language_concept_id",
        ),
    ),
    OmopTable(
        name="specimen",
        key="specimen_id",
        kind="specimen",
        date="specimen_date",
        datetime="specimen_datetime",
        concept="specimen_concept_id",
        source_value="specimen_source_value",
        number="quantity",
        unit_concept="unit_concept_id",
        unit_source_value="unit_source_value",
        text_concept="anatomic_site_concept_id",
        text=("anatomic_site_source_value",),
        encounter=None,
        required=(
            "specimen_id",
            "person_id",
            "specimen_concept_id",
            "specimen_type_concept_id",
            "specimen_date",
        ),
    ),
)
TABLES: dict[str, OmopTable] = {one.name: one for one in _TABLES}

NAMES_OF_5_3 = {
    "admitting_source_concept_id": "admitted_from_concept_id",
    "admitting_source_value": "admitted_from_source_value",
    "discharge_to_concept_id": "discharged_to_concept_id",
    "discharge_to_source_value": "discharged_to_source_value",
    "visit_detail_parent_id": "parent_visit_detail_id",
}
"""What 5.4 renamed, in visit_occurrence and visit_detail."""

VOCABULARY_TABLES = (
    "concept",
    "concept_ancestor",
    "concept_class",
    "concept_relationship",
    "concept_synonym",
    "domain",
    "drug_strength",
    "relationship",
    "source_to_concept_map",
    "vocabulary",
    "cdm_source",
    "metadata",
)
NOT_READ = (
    "care_site",
    "cohort",
    "cohort_definition",
    "condition_era",
    "cost",
    "dose_era",
    "drug_era",
    "episode",
    "episode_event",
    "fact_relationship",
    "location",
    "note_nlp",
    "payer_plan_period",
    "provider",
)
"""Tables of the CDM that hold no fact of their own about a patient, or one that was derived."""

_PIECE = re.compile(r"[-_. ]?(?:part[-_]?)?\d+$")


def table_of(name: str) -> str:
    """The table that a file holds, by its name or else its folder; empty when it is none.

    >>> table_of("CDM/MEASUREMENT.csv"), table_of("measurement-0003.parquet")
    ('measurement', 'measurement')
    >>> table_of("measurement/part-0.parquet"), table_of("readme.csv")
    ('measurement', '')
    """
    folders, _, last = name.lower().rpartition("/")
    stem = last.partition(".")[0]
    known = {*TABLES, *VOCABULARY_TABLES, *NOT_READ}
    for candidate in (stem, _PIECE.sub("", stem), folders.rpartition("/")[2]):
        if candidate in known:
            return candidate
    return ""
