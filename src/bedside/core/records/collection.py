"""What `source.yaml` says, as frozen records: one source of hospital data, and how it is read."""

from dataclasses import dataclass, field
from typing import Literal

from bedside.core.records.fhir_export import FhirServerOptions
from bedside.core.records.mllp import MllpOptions
from bedside.core.records.quality import QualityPlan
from bedside.core.records.release_mode import ReleaseMode
from bedside.core.records.table_mapping import TableMapping

__all__ = ["Collection", "Format", "KnownAt", "Tolerance"]

Format = Literal["fhir", "hl7v2", "omop", "meds", "ccda", "table", "wfdb", "open_mhealth"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAt:
    """When the hospital could first see a fact of one kind.

    `after` is the delay, counted from the fact's `time`, from the `end` of its interval (for a
    diagnosis code of a stay: its discharge), or from the `first` dated fact of the subject (for
    what is known from the first contact on). With `recorded`, the source's own stamp (FHIR
    `issued`, the time of an HL7 message) counts where there is one, and the delay where not.
    """

    after: str
    counted_from: Literal["time", "end", "first"] = "time"
    recorded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """The share of records, in [0, 1], that may be unreadable before collecting stops."""

    at_most: float = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """One source of data.

    Args:
        name: Of the data set: its snapshots are `NAME/collected` and `NAME/prepared`.
        format: Which standard the files follow.
        files: Patterns of file names (`*.ndjson.gz`), of members of a ZIP archive as well.
        known_at: For each kind of fact that the format gives, when it could first be seen. A kind
            that is met and not declared stops the collecting: there is no silent default.
        timezone: The IANA zone of times that carry none, such as `Europe/Berlin`; without it such
            a time is refused.
        origin: ISO 8601 with its zone: when a record begins that does not say when (WFDB); without
            it such a record is refused.
        extract: `full`: what a newer file of the same name no longer holds was taken back;
            `increment`: it still stands.
        codes: The hospital's own codes and what they mean, `LOCAL//GLU: LOINC//2345-7`.
        units: The canonical UCUM unit of a code, where the built-in table has none or another.
        quarantine: How many bad records are borne.
        tables: For the format `table`: which column is what.
        views: For the format `fhir`: files with a SQL on FHIR ViewDefinition, in the declaration's
            own folder, that say how resources become rows for `tables`. Once the declaration is
            loaded, their text stands here.
        server: For the format `fhir`: a server to export from.
        database: For the format `omop`: read the database whose URL is in the environment variable
            BEDSIDE_SOURCE_DATABASE.
        listener: For the format `hl7v2`: how `bedside data listen` receives messages.
        quality: What is checked about the data, and the gates on it.
    """

    bedside: Literal[1]
    name: str
    title: str
    format: Format
    licence: str
    release_mode: ReleaseMode
    known_at: dict[str, KnownAt]
    files: tuple[str, ...] = ()
    pseudonym_salt: str = "bedside"
    timezone: str | None = None
    origin: str | None = None
    extract: Literal["increment", "full"] = "increment"
    codes: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    quarantine: Tolerance = field(default_factory=Tolerance)
    tables: tuple[TableMapping, ...] = ()
    views: tuple[str, ...] = ()
    server: FhirServerOptions | None = None
    database: bool = False
    listener: MllpOptions | None = None
    quality: QualityPlan = field(default_factory=QualityPlan)
