"""A recall certificate: how much of what identifies people one engine finds in one text column."""

import math
from dataclasses import dataclass

from bedside.core.errors import Invalid
from bedside.core.ids import digest_of

__all__ = ["CertificateUse", "EngineIdentity", "Found", "RecallCertificate", "Required"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineIdentity:
    """What makes an engine this one: change any of it, and it is another.

    Args:
        language: Of the notes.
        code: The digest of the engine's source, rules and lists.
        libraries: Of each library that it finds with, the version.
        labeller: The digest of the labeller; empty: rules alone.
        lists: The digest of a hospital's own lists; empty: those of the product.
        doubt: As of the labeller.
    """

    language: str
    code: str
    libraries: tuple[tuple[str, str], ...]
    labeller: str = ""
    lists: str = ""
    doubt: float = 0.1

    @property
    def digest(self) -> str:
        """Of all of it."""
        return digest_of(
            {
                "language": self.language,
                "code": self.code,
                "libraries": [list(one) for one in self.libraries],
                "labeller": self.labeller,
                "lists": self.lists,
                "doubt": self.doubt,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Required:
    """What the lower bounds must reach.

    Two people who read together find 0.94 of what identifies somebody in nursing notes, three 0.98
    (Neamatullah et al., BMC Med Inform Decis Mak 2008;8:32): all of it as well as two, and names,
    which tell the most, as well as three.

    Raises:
        Invalid: one is not between 0 and 1, or it would not be valid for a day.
    """

    overall: float = 0.95
    names: float = 0.98
    days: int = 365

    def __post_init__(self) -> None:
        """Refuse what nothing could reach, or everything would."""
        if not (0 < self.overall < 1 and 0 < self.names < 1 and self.days >= 1):
            raise Invalid(
                "What is required is not between 0 and 1, or for less than a day.",
                fix="give recalls such as 0.95, and days from 1.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Of one group of identifiers: how many there are, how many were found, and the bounds.

    Args:
        group: A kind, an origin of names, a type of note.
        hits: Found whole: every letter and digit was taken, under whatever kind.
        of: What the readers found.
        low: The lower bound of the share, one-sided, 95 %.
        high: The upper bound, one-sided, 95 %.

    Raises:
        Invalid: the counts or the bounds contradict each other.
    """

    group: str
    hits: int
    of: int
    low: float
    high: float

    def __post_init__(self) -> None:
        """Refuse a share that is none."""
        if not 0 <= self.hits <= self.of or not 0 <= self.low <= self.high <= 1:
            raise Invalid("A share of a certificate is none.", fix="measure it again.")

    @property
    def share(self) -> float:
        """From 0 to 1; NaN where there was nothing to find."""
        return self.hits / self.of if self.of else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallCertificate:
    """What was measured, on what, of which engine, by whom, and until when it counts.

    It holds digests, names of readers and numbers, and nothing of a note.

    Args:
        data: The data set.
        columns: Its text columns: codes, or fields of files.
        engine: What was measured.
        sample: The digest of the sample.
        truth: The digest of what the readers agreed on.
        population: Notes from which the sample was drawn.
        notes: Notes in the sample.
        draw: Which sample of this data set it is.
        earlier: How many engines were measured on this sample before; who tries often, passes.
        readers: The two, by name; `blind` those of them who saw no suggestions.
        adjudicator: Who decided where they disagreed; empty: they agreed everywhere.
        disagreements: Spans that one reader marked and the other did not, or otherwise.
        readers_found: Of what both found together, what the first and the second found.
        overall: All identifiers.
        names: Those of patients, relatives and staff.
        by_kind, by_origin, by_type: The same by group; small ones are in `overall` alone.
        clean_notes: Notes of which nothing was missed.
        precision: Of what was taken, what the readers marked at least in part.
        required: What had to be reached.
        made_at, expires_at: ISO 8601.
    """

    data: str
    columns: tuple[str, ...]
    engine: EngineIdentity
    sample: str
    truth: str
    population: int
    notes: int
    draw: int
    earlier: int
    readers: tuple[str, str]
    blind: tuple[str, ...]
    adjudicator: str
    disagreements: int
    readers_found: tuple[Found, Found]
    overall: Found
    names: Found
    by_kind: tuple[Found, ...]
    by_origin: tuple[Found, ...]
    by_type: tuple[Found, ...]
    clean_notes: Found
    precision: Found
    required: Required
    made_at: str
    expires_at: str

    @property
    def passed(self) -> bool:
        """Whether both lower bounds reach what was required."""
        return self.overall.low >= self.required.overall and self.names.low >= self.required.names


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateUse:
    """A certificate that was kept, and whether it counts now; `why` says why not, in words."""

    digest: str
    certificate: RecallCertificate
    counts: bool
    why: str = ""
