"""Splits and folds as declared: a mistake is named when it is read, with the fix."""

from pathlib import Path

import pytest

import bedside.usecases
from bedside.core.errors import Invalid
from bedside.interop.declaration.reading import read_declaration
from bedside.metrics.names import metric_names

SOURCE = (Path(bedside.usecases.__file__).parent / "early_warning" / "bedside.yaml").read_text()
SOURCE = SOURCE.replace("  folds: 5\n", "")
WARDS = """signals:
  ward: {column: Ward, code: WARD//name, visible_after: 0 min, label: Ward, role: attribute,
         categories: {a: north, b: south}}
"""


def read(evaluation, drop="threshold"):
    text = SOURCE.replace("signals:\n", WARDS, 1)
    lines = [line for line in text.splitlines() if not line.startswith(f"  {drop}:")]
    at = lines.index("evaluation:") + 1
    return read_declaration(
        "\n".join([*lines[:at], *(f"  {one}" for one in evaluation), *lines[at:]]).encode(),
        metrics=metric_names,
    )


@pytest.mark.parametrize(
    ("split", "says"),
    [
        ("{site: wards, held_out_sites: [north]}", "write 'ward'"),
        ("{site: ward, held_out_sites: [nort]}", "write 'north'"),
        ("{site: ward}", "add held_out_sites"),
        ("{held_out_sites: [north]}", "add site"),
        ("{site: heart_rate, held_out_sites: [north]}", "says a number, not a text"),
        ("{group: wards}", "write 'ward'"),
        ("{group: heart_rate}", "says a number, not a text"),
        ("{held_out_from: '2019-01-01T00:00:00'}", "end it with Z"),
        ("{salt: " + "x" * 41 + "}", "at most 40 bytes"),
        ("{train: 0.5}", "make train \\+ tuning"),
    ],
)
def test_a_mistake_in_a_split_is_named_with_its_fix(split, says):
    with pytest.raises(Invalid, match=says):
        read(["threshold: {value: 0.5}", f"split: {split}"])


@pytest.mark.parametrize("folds", [-1, 1, 101])
def test_an_impossible_number_of_folds_is_refused(folds):
    with pytest.raises(Invalid, match="write 2 to 100"):
        read(["threshold: {value: 0.5}", f"folds: {folds}"])


def test_a_whole_split_and_the_score_of_the_challenge_are_read():
    evaluation = read(
        [
            "threshold: {maximise: min_sensitivity_ppv}",
            "folds: 5",
            "split: {site: ward, held_out_sites: [north], held_out_from: '2019-01-01T00:00:00Z', "
            "group: ward}",
        ]
    ).evaluation

    assert evaluation.threshold.maximise == "min_sensitivity_ppv"
    assert (evaluation.folds, evaluation.split.held_out_sites) == (5, ("north",))


def test_the_utility_is_maximised_only_where_it_is_declared():
    with pytest.raises(Invalid, match="add utility"):
        read([], drop="utility")
