"""The models of the shift laboratory, and the lighter declaration of the slow one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = ["MODELS", "Model", "folder_of_model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model: its use case, its data, and in words what the laboratory takes of it."""

    name: str
    title: str
    folder: str
    note: str = ""


MODELS = (
    Model(
        name="early_warning",
        title="Sepsis, hour by hour",
        folder="physionet-2019-sepsis",
        note="A lighter declaration, made from the use case by `tools/shiftlab/models.py`: fewer "
        "windows (97 features), 150 rounds and no folds; hourly questions are thinned to every "
        "third hour. The new site is the medical unit, kept out of everything else.",
    ),
    Model(
        name="icu_mortality",
        title="Death in hospital, 48 hours into intensive care",
        folder="physionet-2012-icu",
        note="As it ships, and the kind of unit collected beside it. The new site is one kind of "
        "unit, kept out of everything else.",
    ),
    Model(
        name="readmission",
        title="Readmission within 30 days, diabetes",
        folder="diabetes-130-hospitals",
        note="As it ships. The new site is one specialty, kept out of everything else.",
    ),
)
VITALS = ["heart_rate", "spo2", "temperature", "sbp", "map", "dbp", "respiratory_rate"]


def folder_of_model(model: Model, root: Path, scratch: Path) -> str:
    """The use case, or the folder of the declaration that is made of it here."""
    made = _MADE.get(model.name)
    if made is None:
        return model.name
    told = yaml.safe_load((root / "usecases" / model.name / "bedside.yaml").read_text("utf-8"))
    folder = scratch / f"{model.name}-declared"
    folder.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(made(told), sort_keys=False, allow_unicode=True)
    (folder / "bedside.yaml").write_text(text, encoding="utf-8")
    return str(folder)


def _lighter(told: dict[str, Any]) -> dict[str, Any]:
    """The sepsis model with what makes its build long left out, and the kind of unit collected."""
    features = told["features"]
    told["features"] = [
        {"signals": [*VITALS, "etco2"], "aggregates": ["last", "hours_since"]},
        {"signals": VITALS, "aggregates": ["min", "max", "mean", "count"], "windows": ["12h"]},
        features[1],
        *features[5:],
    ]
    told["learner"]["rounds"] = 150
    told["learner"]["parameters"]["learning_rate"] = 0.06
    told["evaluation"]["bootstrap"] = 100
    told["evaluation"].pop("folds")
    told["gates"] = [{"metric": "auroc", "at_least": 0.7, "bound": "low"}]
    for name in ("change_control", "hazards", "monitoring"):
        told.pop(name)
    told["signals"]["unit"] = {
        "label": "kind of unit",
        "code": "BEDSIDE//icu_type",
        "column": "Unit1",
        "visible_after": "0 min",
        "role": "attribute",
        "categories": {"0": "surgical", "1": "medical"},
    }
    return told


def _with_unit(told: dict[str, Any]) -> dict[str, Any]:
    """The model as it ships, with the kind of unit collected."""
    kinds = ("coronary care", "cardiac surgery recovery", "medical", "surgical")
    told["signals"]["unit"] = {
        "label": "kind of unit",
        "code": "BEDSIDE//icu_type",
        "role": "attribute",
        "categories": {kind: kind for kind in kinds},
    }
    return told


_MADE: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "early_warning": _lighter,
    "icu_mortality": _with_unit,
}
