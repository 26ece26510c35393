"""Builders for live answers: an ordinary score about a patient, unless you say otherwise."""

from typing import Any

import numpy as np

from bedside.deploy.rollout.answers import LiveAnswer

__all__ = ["a_failure", "a_score", "an_abstention", "scores"]


def a_score(number: int, risk: float | None = 0.2, **parts: Any) -> LiveAnswer:
    """The answer to question `number`; it alerts from 0.3 on."""
    told: dict[str, Any] = {
        "prediction_id": f"p{number}",
        "at": f"2026-03-01T12:{number // 60 % 60:02}:{number % 60:02}.000000Z",
        "question": f"q{number}",
        "shown": False,
        "outcome": "score",
        "latency_ms": 5.0,
        "subject": f"s{number}",
        "risk": risk,
        "threshold": 0.3,
        "alert": None if risk is None else risk >= 0.3,
    }
    return LiveAnswer(**(told | parts))


def a_failure(number: int, **parts: Any) -> LiveAnswer:
    """The model broke."""
    without = {"risk": None, "threshold": None, "alert": None, "reason": "model_failed"}
    return a_score(number, **({"outcome": "failure", **without} | parts))


def an_abstention(number: int, **parts: Any) -> LiveAnswer:
    """Something was missing."""
    without = {"risk": None, "threshold": None, "alert": None, "reason": "missing"}
    return a_score(number, **({"outcome": "abstention", **without} | parts))


def scores(n: int, *, seed: int = 1, patients: int | None = None, **parts: Any) -> list[LiveAnswer]:
    """n judged scores that tell the ill from the well fairly well."""
    drawn = np.random.default_rng(seed)
    risk = drawn.uniform(0.01, 0.99, n)
    label = (drawn.uniform(size=n) < risk).astype(float)
    return [
        a_score(
            at,
            float(risk[at]),
            label=float(label[at]),
            subject=f"s{at % (patients or n)}",
            latency_ms=float(3 + at % 50),
            **parts,
        )
        for at in range(n)
    ]
