"""What a site tells its hub: which versions it has and how they do, in figures that name nobody."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Bin", "Figure", "Group", "LocalFigures", "SiteReport", "ToldGate", "ToldVersion"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure with its 95 % interval, three digits after the point."""

    estimate: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One level of a subgroup; counts are None, and figures are empty, where they are hidden."""

    subjects: int | None
    with_outcome: int | None
    figures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Rows of like risk: how many subjects they are of, what was predicted and what came."""

    subjects: int
    predicted: float
    observed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldGate:
    """A gate of the declaration, judged on the site's own patients; the figure is not repeated."""

    metric: str
    subgroup: str | None
    bound: str
    at_least: float | None
    at_most: float | None
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFigures:
    """A version on a site's own patients, without any cell of ten or fewer.

    Args:
        outcome: What kind of thing is predicted.
        subjects, with_outcome: None where hidden.
        figures: By name of the metric.
        hidden: Metrics that were measured and are not told, because they would tell of few.
        calibration: Groups of rows of like risk, lowest first.
        subgroups: By dimension and level.
    """

    outcome: str
    subjects: int | None
    with_outcome: int | None
    figures: Mapping[str, Figure]
    hidden: tuple[str, ...]
    calibration: tuple[Bin, ...]
    subgroups: Mapping[str, Mapping[str, Group]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldVersion:
    """One version at a site.

    Args:
        version: NAME@ and twelve digits.
        bundle: SHA-256 of its manifest.
        origin: The version of the hub that it is, or was recalibrated from.
        stage: Where it is in its life at the site.
        validated_at: ISO 8601; None: it was not validated there.
        passed: Whether it passed there; None: it was not validated there.
        validations: How often it was validated there; the newest counts.
        gates: As judged there.
        local: The figures; None: it was not validated there.
        answers: Of the server, by kind (`score`, `abstention`, …); None for ten or fewer.
    """

    version: str
    bundle: str
    origin: str
    stage: str
    validated_at: str | None = None
    passed: bool | None = None
    validations: int = 0
    gates: tuple[ToldGate, ...] = ()
    local: LocalFigures | None = None
    answers: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteReport:
    """All that a site tells.

    Args:
        sequence: Grows with every report of the site.
        made_at: ISO 8601 with a zone.
        versions: Each version that came from the hub.
    """

    sequence: int
    made_at: str
    versions: tuple[ToldVersion, ...]
