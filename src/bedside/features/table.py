"""How what an event says becomes a number: the same for a shard and for one request."""

from collections.abc import Mapping
from dataclasses import dataclass

from bedside.core.records.event import Event
from bedside.features.definition import FeatureSet

__all__ = ["Encoding", "encodings", "number_of"]


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the events of one code become numbers, where that is not simply their value.

    Args:
        index: The number of each text that is a category.
        otherwise: The number of every other text; None if it has none.
        mark: The code says that something happened: each event is 1, and nothing is an index.
    """

    index: Mapping[str, float]
    otherwise: float | None = None
    mark: bool = False

    def number(self, text: str | None) -> float | None:
        """The number of a text; None where it has none.

        >>> Encoding({"surgery": 0.0, "other": 1.0}, otherwise=1.0).number("cardiology")
        1.0
        """
        return None if text is None else self.index.get(text, self.otherwise)


def encodings(feature_set: FeatureSet) -> dict[str, Encoding]:
    """By code: how its events become numbers, for categories and marks."""
    found: dict[str, Encoding] = {}
    for feature in feature_set.features:
        if feature.mark:
            found.update(dict.fromkeys(feature.codes, Encoding({}, mark=True)))
        elif feature.categories:
            index = {label: float(place) for place, label in enumerate(feature.categories)}
            otherwise = float(len(index) - 1) if feature.has_other else None
            found.update(dict.fromkeys(feature.codes, Encoding(index, otherwise)))
    return found


def number_of(event: Event, encoding: Encoding | None) -> float | None:
    """The number of an event: its category's index, 1 for a mark, or else its value.

    An event that says nothing and corrects another takes it back, and is no number.
    """
    says = event.value is not None or event.text is not None or event.end is not None
    if encoding is not None and not encoding.mark:
        return encoding.number(event.text)
    if encoding is not None:
        return 1.0 if says or not event.replaces else None
    if event.value is not None:
        return event.value
    return 1.0 if event.text is None and (event.end is not None or not event.replaces) else None
