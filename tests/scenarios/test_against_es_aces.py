"""Our answers to tasks of ACES are those of es-aces itself, and stay so when asked again."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from data_folder import data_folder

pytestmark = pytest.mark.xdist_group("against_es_aces")  # its fixtures are made once


@pytest.fixture(scope="module")
def conformance() -> ModuleType:
    """The tool that runs es-aces in its own environment."""
    tool = importlib.import_module("conformance.aces")
    if not Path(tool.PEER).exists():
        pytest.skip("es-aces is not there. Fix: make conformance-aces installs it apart.")
    return tool


@pytest.fixture(scope="module")
def jobs(conformance: ModuleType) -> Sequence[Any]:
    """Every task on every data set, and thirty tasks that are drawn."""
    data_folder("mimic-iv-demo-meds")
    return list(conformance.jobs_of(data_folder("aces-meds-samples").parent, drawn=30))


@pytest.fixture(scope="module")
def found(conformance: ModuleType, jobs: Sequence[Any]) -> dict[str, Any]:
    """How both answered, by task."""
    return {one.name: one for one in conformance.compared(jobs)}


def test_every_difference_from_es_aces_is_explained(found: dict[str, Any]) -> None:
    assert {name: one.unexplained for name, one in found.items() if one.unexplained} == {}
    assert sum(one.alike for one in found.values()) > 40_000


def test_what_we_call_unknown_es_aces_calls_negative(found: dict[str, Any]) -> None:
    recurrence = found["sample: long_term_recurrence"]

    assert recurrence.unknown == recurrence.theirs == 194


def test_tasks_on_a_hospitals_own_records_are_answered_alike(found: dict[str, Any]) -> None:
    mimic = [one for name, one in found.items() if name.startswith("MIMIC-IV demo")]

    assert len(mimic) == 4
    assert all(one.alike == one.ours == one.theirs > 100 for one in mimic)
    assert not any(one.reasons for one in mimic)


def test_a_task_that_is_asked_again_is_answered_alike_by_us_and_not_by_es_aces(
    conformance: ModuleType, jobs: Sequence[Any]
) -> None:
    (job,) = [job for job in jobs if job.name == "made up: inhospital_mortality"]

    theirs, ours = conformance.again(job)

    assert ours == [0, 0]
    assert min(theirs) > 0, "es-aces is mended: say so in docs/reference/question.md"
