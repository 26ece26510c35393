"""Which features are of the same signal, so that reasons can be told signal by signal."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bedside.features.definition import Feature, FeatureSet
from bedside.features.wording import title

__all__ = ["SignalGroups", "group_key", "signal_groups"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalGroups:
    """The signals of k features, in order of first use.

    Args:
        names: Of the g signals; of what has no signal, its codes, or its part of the calendar.
        texts: In clinical words; of a signal with one feature, what that feature is.
        of: Shape (k,), the signal of each feature.
    """

    names: tuple[str, ...]
    texts: tuple[str, ...]
    of: npt.NDArray[np.int64]

    def sums(self, contributions: Floats) -> Floats:
        """What each signal gives, shape (n, g), of what its features give, shape (n, k)."""
        order = np.argsort(self.of, kind="stable")
        first = np.searchsorted(self.of[order], np.arange(len(self.names)))
        return np.asarray(np.add.reduceat(contributions[:, order], first, axis=1))

    def columns(self, signal: int) -> npt.NDArray[np.int64]:
        """The features of a signal."""
        return np.flatnonzero(self.of == signal)


def group_key(feature: Feature) -> str:
    """What features of the same signal have in common."""
    return feature.signal or " ".join(feature.codes) or feature.name


def signal_groups(feature_set: FeatureSet) -> SignalGroups:
    """The features of a model by signal.

    >>> lactate = Feature(name="lactate.max.6h", signal="lactate", codes=("LOINC//2524-7",),
    ...                   label="lactate", aggregate="max", window_hours=6.0, unit="mmol/L")
    >>> from dataclasses import replace
    >>> both = FeatureSet(features=(lactate, replace(lactate, name="lowest", aggregate="min")))
    >>> signal_groups(both).texts
    ('lactate',)
    """
    places: dict[str, list[int]] = {}
    for column, feature in enumerate(feature_set.features):
        places.setdefault(group_key(feature), []).append(column)
    of = np.zeros(len(feature_set.features), np.int64)
    texts = []
    for number, columns in enumerate(places.values()):
        of[columns] = number
        first = feature_set.features[columns[0]]
        texts.append(first.label.replace("//", " ") if len(columns) > 1 else title(first))
    return SignalGroups(names=tuple(places), texts=tuple(texts), of=of)
