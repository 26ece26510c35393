"""What is injected: its kind, its size, and the cause that the monitor should name."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from bedside.core.records.watch import Cause

__all__ = ["KINDS", "EventChange", "Injection", "Kind"]

Kind = Literal[
    "unit_change",
    "feed_lost",
    "assay_bias",
    "coding_change",
    "case_mix",
    "new_site",
    "season",
    "prevalence",
    "label_delay",
    "subgroup_only",
    "treatment_effect",
    "auroc_drop",
    "calibration",
]

KINDS: dict[Kind, tuple[str, tuple[Cause, ...]]] = {
    "unit_change": ("unit change", ("unit_change",)),
    "feed_lost": ("feed lost", ("feed_lost",)),
    "assay_bias": ("new assay bias", ("assay_bias",)),
    "coding_change": ("coding change", ("coding_change",)),
    "case_mix": ("older case mix", ("case_mix",)),
    "new_site": ("new site", ("new_site",)),
    "season": ("seasonal wave", ("season",)),
    "prevalence": ("prevalence change", ("prevalence",)),
    "label_delay": ("label delay change", ("label_delay",)),
    "subgroup_only": ("one subgroup only", ("subgroup_only",)),
    "treatment_effect": ("a model that works", ("treatment_effect",)),
    "auroc_drop": ("AUROC down by 0.05", ("model_degraded",)),
    "calibration": ("calibration off by 20 %", ("prevalence",)),
}
"""Of each kind: what it is called, and the causes that count as named right."""


MOSTLY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class EventChange:
    """What is done to the events of a signal, before features are made of them.

    Args:
        what: `rescale` (value * factor + offset), `drop`, `recode` (of texts), or `rename` (each
            event comes under the code `other`).
        codes: Of the signal.
        share: The share of subjects whom it hits: one laboratory of several, for example.
        factor: Of `rescale`.
        offset: Of `rescale`.
        texts: Of `recode`: what stands in the place of each text.
        other: Of `rename`: a code that no signal has.
    """

    what: Literal["rescale", "drop", "recode", "rename"]
    codes: tuple[str, ...]
    share: float = 1.0
    factor: float = 1.0
    offset: float = 0.0
    texts: Mapping[str, str] = field(default_factory=dict)
    other: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """One shift of one size.

    Args:
        kind: What happens.
        size: How much of it: the meaning is the kind's, `words` tells it.
        words: The size in plain words.
        signal: The signal that it is about; None: no signal.
        group: The subgroup dimension and level, of `subgroup_only`.
        events: What is done to events; None: it is done to who comes, or to what comes true.
        full: Whether it counts towards the figure that is to be reached.
        aside: The share of its values that intake sets aside as implausible, so that they never
            reach the model: where it is most of them, that the feed is lost is true as well.
    """

    kind: Kind
    size: float
    words: str
    signal: str | None = None
    group: tuple[str, str] | None = None
    events: EventChange | None = None
    full: bool = True
    aside: float = 0.0

    @property
    def id(self) -> str:
        """Tells it from every other of the same model."""
        return ":".join((self.kind, self.signal or "", f"{self.size:g}"))

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The causes that count as named right, leniently: see `aside`."""
        more: tuple[Cause, ...] = ("feed_lost",) if self.aside > MOSTLY else ()
        return (*self.strictly, *more)

    @property
    def strictly(self) -> tuple[Cause, ...]:
        """The causes of what was injected alone."""
        return KINDS[self.kind][1]

    def as_json(self) -> dict[str, Any]:
        """As it travels to the engine's workers."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Injection":
        """The injection again."""
        events = told["events"]
        if events is not None:
            events = EventChange(**{**events, "codes": tuple(events["codes"])})
        group = None if told["group"] is None else tuple(told["group"])
        return cls(**{**told, "events": events, "group": group})
