"""Builders for tests of monitoring: patients at release, patients now, and their report."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from bedside.core.records.declaration import Monitoring
from bedside.monitor.compare import compare
from bedside.monitor.reference import make_reference

THRESHOLD = 0.3


@dataclass(frozen=True)
class Patients:
    """Rows of a matrix with everything that monitoring is given about them."""

    matrix: np.ndarray
    names: list[str]
    risk: np.ndarray
    label: np.ndarray
    subject: np.ndarray
    groups: dict[str, np.ndarray]

    def where(self, rows: np.ndarray) -> "Patients":
        """Some of the rows."""
        return replace(
            self,
            matrix=self.matrix[rows],
            risk=self.risk[rows],
            label=self.label[rows],
            subject=self.subject[rows],
            groups={name: group[rows] for name, group in self.groups.items()},
        )

    def with_column(self, name: str, values: np.ndarray) -> "Patients":
        """One feature replaced."""
        matrix = self.matrix.copy()
        matrix[:, self.names.index(name)] = values
        return replace(self, matrix=matrix)

    def column(self, name: str) -> np.ndarray:
        """One feature."""
        return self.matrix[:, self.names.index(name)]


def logistic(odds: np.ndarray) -> np.ndarray:
    """The probability of these log-odds."""
    return 1 / (1 + np.exp(-odds))


@cache
def held_out_biopsies() -> Patients:
    """The 341 of the 569 real biopsies that the model was not fitted on."""
    bunch = load_breast_cancer()
    order = np.random.default_rng(20190101).permutation(bunch.target.size)
    fitted, held_out = order[:228], order[228:]
    scale = StandardScaler().fit(bunch.data[fitted])
    model = LogisticRegression(C=0.05)
    model.fit(scale.transform(bunch.data[fitted]), 1 - bunch.target[fitted])
    matrix = bunch.data[held_out]
    coarse = matrix[:, 1] > np.median(matrix[:, 1])
    return Patients(
        matrix=matrix,
        names=[str(name) for name in bunch.feature_names],
        risk=model.predict_proba(scale.transform(matrix))[:, 1],
        label=1.0 - bunch.target[held_out],
        subject=np.arange(held_out.size),
        groups={"texture": np.where(coarse, "coarse", "fine")},
    )


def halves(seed: int) -> tuple[Patients, Patients]:
    """The held-out biopsies, halved at random: then and now."""
    every = held_out_biopsies()
    mixed = np.random.default_rng(seed).permutation(every.label.size)
    return every.where(mixed[:170]), every.where(mixed[170:])


def stays(seed: int, *, patients: int = 400, rows: int = 8, features: int = 6) -> Patients:
    """Synthetic patients with many rows that resemble each other, and a risk that is right."""
    rng = np.random.default_rng([1, seed])
    subject = np.repeat(np.arange(patients), rows)
    own = rng.normal(size=(patients, features))[subject]
    matrix = 0.97 * own + np.sqrt(1 - 0.97**2) * rng.normal(size=own.shape)
    odds = -1.2 + matrix[:, :4] @ np.array([1.2, 0.9, 0.6, 0.4])
    sex = np.where(rng.random(patients) < 0.5, "female", "male")[subject]
    label = (rng.random(subject.size) < logistic(odds)).astype(float)
    matrix[:, 0] = 100 + 15 * matrix[:, 0]
    matrix[rng.random(patients)[subject] < 0.15, 5] = np.nan
    return Patients(
        matrix=matrix,
        names=[f"signal {k}" for k in range(features)],
        risk=logistic(odds),
        label=label,
        subject=subject,
        groups={"sex": sex},
    )


def a_reference(then: Patients, **changes: Any) -> dict[str, Any]:
    """What the bundle keeps of the patients at release."""
    given = {
        "labels_text": {},
        "units": {},
        "risk": then.risk,
        "label": then.label,
        "subject_index": then.subject,
        "groups": then.groups,
        "threshold": THRESHOLD,
        "seed": 7,
    }
    return make_reference(then.matrix, then.names, **(given | changes))


def watched(
    then: Patients | dict[str, Any],
    now: Patients,
    *,
    alpha: float = 0.01,
    minimum: int = 50,
    **changes: Any,
) -> dict[str, Any]:
    """The monitoring report of the patients now."""
    reference = then if isinstance(then, dict) else a_reference(then)
    given = {
        "risk": now.risk,
        "label": now.label,
        "subject_index": now.subject,
        "groups": now.groups,
        "threshold": THRESHOLD,
        "options": Monitoring(alpha=alpha, minimum_subjects=minimum),
    }
    return compare(reference, now.matrix, now.names, **(given | changes))


def kinds(report: dict[str, Any]) -> set[str]:
    """The kinds of what was found."""
    return {finding["kind"] for finding in report["findings"]}
