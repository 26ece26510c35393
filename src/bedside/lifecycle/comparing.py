"""Two versions beside each other, on the same patients, and what differs in how they were made."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.errors import NotFound, Refused
from bedside.core.ids import canonical_json, digest_of
from bedside.core.records.bundle import DECLARATION, Bundle
from bedside.core.records.version import ModelVersion
from bedside.develop.evaluate.comparison import compare_on_same_rows
from bedside.develop.evaluate.comparison_page import render_comparison
from bedside.develop.evaluate.evidence import rounded
from bedside.develop.evaluate.external import counts_told, refuse_too_few
from bedside.lifecycle.differences import changed_keys, changed_libraries
from bedside.lifecycle.evaluating import unknown_patients
from bedside.lifecycle.patients import Patients, entry_of, facts_of, own_patients, same_data
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.metrics.names import last_horizon

__all__ = ["Compared", "compare_patients", "compare_versions"]

KEYS = ["subject_id", "prediction_time", "label"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Two versions beside each other: the figures, their page, and their JSON beside the page."""

    document: dict[str, Any]
    page: Path
    figures: Path


def compare_versions(
    platform: Platform, first_id: str, second_id: str, data: Path | None = None
) -> Compared:
    """Compare two versions of one question on the same patients; write the page and the JSON.

    Args:
        platform: The workspace.
        first_id: What the second is compared with.
        second_id: The other.
        data: Patients for both, on whom neither was fitted (who is known is left out); None: those
            whom both held out, which must be the same.

    Raises:
        NotFound: there is no such version, or no such data.
        Refused: they answer different questions, did not hold out the same patients, or have no
            patient in common.
        Invalid: the data are wrong, or of ten patients or fewer.
    """
    with platform.lock():
        versions = [platform.registry.get(one) for one in (first_id, second_id)]
        bundles = [open_bundle(platform, version) for version in versions]
        facts = [facts_of(platform, version) for version in versions]
        _refuse_other_questions(bundles)
        if data is None:
            found = [
                held_out_of(platform, version, bundle, told)
                for version, bundle, told in zip(versions, bundles, facts, strict=True)
            ]
            _refuse_other_patients(found)
        else:
            found = [unknown_patients(platform, version, data)[0] for version in versions]
        told = "held out by both" if data is None else "given with --data"
        return compare_patients(platform, versions, found, told)


def compare_patients(
    platform: Platform, versions: list[ModelVersion], found: list[Patients], told: str
) -> Compared:
    """Compare two versions on the patients that both can be asked about; write page and JSON.

    Args:
        platform: The workspace, locked.
        versions: The first and the second.
        found: The patients, as each of the two sees them; nobody among them was learnt from.
        told: Who they are, in words.

    Raises:
        Refused: they have no patient in common.
        Invalid: they are ten or fewer.
    """
    first, second = _shared(*found)
    with platform.progress.step("compare"):
        rows = first.judged(platform), second.judged(platform)
        refuse_too_few(rows[0])
        declaration = first.bundle.declaration
        figures = compare_on_same_rows(
            *rows,
            (first.thresholds, second.thresholds),
            declaration.evaluation,
            declaration.learner.seed,
        )
    bundles, facts = [one.bundle for one in found], [facts_of(platform, one) for one in versions]
    document = {
        "first": versions[0].id,
        "second": versions[1].id,
        "title": declaration.title,
        "horizon_days": last_horizon(declaration.question.outcome),
        "patients": told,
        "counts": counts_told(rows[0]),
        **rounded(figures),
        "made_otherwise": _made_otherwise(bundles, facts),
    }
    return _kept(platform, versions, document)


def _refuse_other_questions(bundles: list[Bundle]) -> None:
    told = [json.loads(bundle.files[DECLARATION])["question"] for bundle in bundles]
    first, second = ({**one, "ask": ""} for one in told)
    apart = list(changed_keys(first, second))
    if apart:
        raise Refused(
            f"The two versions answer different questions ({'; '.join(apart[:3])}).",
            fix="compare versions of one question.",
            code="other_question",
        )


def held_out_of(
    platform: Platform, version: ModelVersion, bundle: Bundle, facts: Mapping[str, Any]
) -> Patients:
    """The patients that a version's own build held out; the workspace is locked.

    Raises:
        Refused: it holds out nobody of its own, one of them was erased, or their data are not at
            hand.
    """
    if "recalibrated" in facts:
        raise Refused(
            f"{version.id} was recalibrated and holds out nobody of its own.",
            fix="give patients on whom neither version was fitted with --data.",
            code="no_held_out",
        )
    entry = entry_of(platform, facts["snapshot"])
    if entry.successor is not None:
        raise Refused(
            f"A subject was erased from the data of {version.id}, so whom it held out is not what "
            "it was.",
            fix="give patients on whom neither version was fitted with --data.",
            code="erased",
        )
    try:
        intake = same_data(platform, entry)(bundle.declaration)
        found = own_patients(platform, bundle, intake, platform.folder / "steps")
    except NotFound as error:
        raise Refused(
            f"The data of {version.id} are not at hand: {error.problem}",
            fix="give patients on whom neither version was fitted with --data.",
            code="no_held_out",
        ) from None
    return found.side("held_out")


def _refuse_other_patients(found: list[Patients]) -> None:
    first, second = (one.asked.select(KEYS).sort(KEYS) for one in found)
    if not first.equals(second):
        raise Refused(
            "The two versions did not hold out the same patients: their data, their split, or who "
            "is asked about differ.",
            fix="give patients on whom neither version was fitted with --data.",
            code="other_held_out",
        )


def _shared(first: Patients, second: Patients) -> tuple[Patients, Patients]:
    """The rows that both have, in the same order."""
    keys = [one.asked.select(KEYS) for one in (first, second)]
    masks = [_in_other(keys[0], keys[1]), _in_other(keys[1], keys[0])]
    one, other = first.taken(masks[0]), second.taken(masks[1])
    if one.asked.is_empty():
        raise Refused(
            "There is no patient whom both versions can be asked about.",
            fix="give patients on whom neither version was fitted with --data.",
            code="nobody_shared",
        )
    if not one.asked.select(KEYS).equals(other.asked.select(KEYS)):
        order = (each.asked.with_row_index("at").sort(KEYS)["at"] for each in (one, other))
        one, other = (
            _reordered(each, at.to_numpy()) for each, at in zip((one, other), order, strict=True)
        )
    return one, other


def _in_other(keys: pl.DataFrame, other: pl.DataFrame) -> npt.NDArray[np.bool_]:
    found = keys.with_row_index("at").join(other, on=KEYS, how="semi")["at"].to_numpy()
    mask = np.zeros(keys.height, np.bool_)
    mask[found] = True
    return mask


def _reordered(patients: Patients, at: npt.NDArray[np.uint32]) -> Patients:
    return replace(patients, asked=patients.asked[at.tolist()], matrix=patients.matrix[at])


def _made_otherwise(bundles: list[Bundle], facts: list[dict[str, Any]]) -> dict[str, Any]:
    """What differs in declaration, data, code and environment."""
    first, second = (json.loads(bundle.files[DECLARATION]) for bundle in bundles)
    return {
        "declaration": list(changed_keys(first, second)),
        "same_snapshot": facts[0]["snapshot"] == facts[1]["snapshot"],
        "snapshots": [one["snapshot"] for one in facts],
        "same_code": facts[0]["code"] == facts[1]["code"],
        "environment": list(changed_libraries(facts[0]["environment"], facts[1]["environment"])),
        "recalibrated": [one.get("recalibrated", {}).get("method") for one in facts],
    }


def _kept(platform: Platform, versions: list[ModelVersion], document: dict[str, Any]) -> Compared:
    named = "-".join(version.bundle[:12] for version in versions)
    kind = "held-out" if document["patients"] == "held out by both" else digest_of(document)[:12]
    page = platform.folder / "reports" / versions[1].name / f"comparison-{named}-{kind}.html"
    figures = page.with_suffix(".json")
    platform.write(page, render_comparison(document).encode())
    platform.write(figures, canonical_json(document))
    platform.ledger.append(
        platform.actor,
        "compare",
        {
            "versions": [version.id for version in versions],
            "report": digest_of(document),
            "page": str(page.relative_to(platform.folder)),
        },
    )
    return Compared(document=document, page=page, figures=figures)
