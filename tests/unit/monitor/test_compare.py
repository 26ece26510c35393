"""What a monitoring run says, and what it refuses to say."""

import json

import numpy as np
import pytest

from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json
from watched import a_reference, halves, kinds, stays, watched


def a_pair(*, patients: int = 400, rows: int = 2):
    return stays(1, patients=patients, rows=rows), stays(2, patients=patients, rows=rows)


def test_patients_like_those_at_release_are_quiet_and_the_page_says_what_may_go_unseen():
    then, now = halves(1)

    report = watched(then, now)

    assert report["status"] == "quiet"
    assert report["findings"] == []
    assert report["quiet"].startswith("Nothing moved by more than chance: ")
    assert "could have gone unseen" in report["quiet"]


def test_a_unit_error_is_named_in_the_words_and_unit_of_the_feature():
    then, now = halves(1)
    now = now.with_column("worst area", 10 * now.column("worst area"))
    reference = a_reference(
        then, labels_text={"worst area": "largest area of a nucleus"}, units={"worst area": "um2"}
    )

    findings = watched(reference, now)["findings"]

    assert [finding["what"] for finding in findings] == ["largest area of a nucleus"]
    text = findings[0]["text"]
    assert text.startswith("'largest area of a nucleus' moved: its typical (median) value rose ")
    assert "µm²; far more than chance (adjusted p < 0.001)." in text
    assert text.endswith("That is about 10 times: check whether it still comes in µm².")


def test_the_median_then_and_now_is_that_of_the_patients():
    then, now = halves(1)

    entry = watched(then, now)["inputs"][0]["distribution"]["typical"]

    assert entry["then"] == pytest.approx(np.median(then.matrix[:, 0]), rel=0.005)
    assert entry["now"] == pytest.approx(np.median(now.matrix[:, 0]), rel=0.005)


def test_a_report_is_canonical_json_and_the_same_every_time():
    then, now = halves(1)

    first, second = canonical_json(watched(then, now)), canonical_json(watched(then, now))

    assert first == second


def test_a_reference_that_went_through_a_file_gives_the_same_report():
    then, now = halves(1)
    reference = a_reference(then)

    from_file = watched(json.loads(canonical_json(reference)), now)

    assert from_file == watched(reference, now)


def test_columns_in_another_order_are_put_right_by_name():
    then, now = halves(1)
    report = watched(then, now)

    order = np.random.default_rng(1).permutation(len(now.names))
    shuffled = type(now)(
        matrix=now.matrix[:, order],
        names=[now.names[k] for k in order],
        risk=now.risk,
        label=now.label,
        subject=now.subject,
        groups=now.groups,
    )

    assert watched(then, shuffled) == report


def test_a_missing_feature_is_refused_by_name():
    then, now = halves(1)
    fewer = type(now)(
        matrix=now.matrix[:, 1:],
        names=now.names[1:],
        risk=now.risk,
        label=now.label,
        subject=now.subject,
        groups=now.groups,
    )

    with pytest.raises(Invalid, match="The feature 'mean radius' of the reference is not among"):
        watched(then, fewer)


def test_an_unknown_feature_is_refused_by_name():
    then, now = halves(1)
    more = type(now)(
        matrix=np.column_stack([now.matrix, now.risk]),
        names=[*now.names, "lactate"],
        risk=now.risk,
        label=now.label,
        subject=now.subject,
        groups=now.groups,
    )

    with pytest.raises(Invalid, match="The feature 'lactate' is not in the reference"):
        watched(then, more)


def test_a_subgroup_that_is_not_given_is_refused_by_name():
    then, now = halves(1)

    with pytest.raises(Invalid, match="The subgroup 'texture' of the reference is not among"):
        watched(then, now, groups={})


def test_another_threshold_than_at_release_is_refused():
    then, now = halves(1)

    with pytest.raises(Invalid, match=r"threshold is 0\.9, but the reference's is 0\.3"):
        watched(then, now, threshold=0.9)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"label": np.full(171, 2.0)}, "neither 0 nor 1 nor unknown"),
        ({"risk": np.full(171, 1.2)}, "risk is missing or outside"),
        ({"subject_index": np.arange(9)}, "subject index have shape"),
        ({"subject_index": np.full(171, 0.5)}, "not a list of integers"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(given, words):
    then, now = halves(1)

    with pytest.raises(Invalid, match=words):
        watched(then, now, **given)


def test_something_that_is_no_reference_is_refused():
    _, now = halves(1)

    with pytest.raises(Invalid, match="not a monitoring reference"):
        watched({"features": []}, now)


@pytest.mark.parametrize("patients", [0, 7, 49])
def test_fewer_patients_than_the_minimum_are_not_judged_however_far_they_moved(patients):
    then, now = a_pair(rows=1)
    few = now.with_column("signal 0", 1000 * now.column("signal 0")).where(np.arange(patients))

    report = watched(then, few)

    assert report["status"] == "cannot_know"
    assert (report["findings"], report["quiet"], report["tests"]["made"]) == ([], None, 0)
    assert "fewer than 50 are not judged" in report["cannot_know_yet"][0]


def test_without_labels_performance_is_what_cannot_be_known_not_what_is_fine():
    then, now = halves(1)

    report = watched(then, now, label=None)

    assert (report["performance"], report["outcomes"]) == (None, None)
    assert "labels have come for none of 171 patients" in report["cannot_know_yet"][0]
    assert report["quiet"].endswith(
        "This says nothing about performance, which cannot be judged yet."
    )


def test_labels_of_forty_patients_are_fewer_than_the_minimum():
    then, now = halves(1)
    label = np.where(np.arange(171) < 40, now.label, np.nan)

    report = watched(then, now, label=label)

    assert report["performance"] is None
    assert "labels have come for 40 of 171 patients" in report["cannot_know_yet"][0]


def test_labels_of_most_patients_are_used_and_the_rest_is_said_to_be_open():
    then, now = halves(1)
    label = np.where(np.arange(171) < 120, now.label, np.nan)

    report = watched(then, now, label=label)

    assert report["performance"]["auroc"]["now"]["n"] == 120
    assert "they have for 120 of 171" in report["cannot_know_yet"][0]


def test_performance_then_and_now_is_that_of_the_patients():
    then, now = halves(1)

    figures = watched(then, now)["performance"]

    for when, patients in (("then", then), ("now", now)):
        error = np.mean((patients.risk - patients.label) ** 2)
        ratio = patients.risk.sum() / patients.label.sum()
        assert figures["brier"][when]["estimate"] == pytest.approx(error, rel=1e-3)
        assert figures["expected_observed_ratio"][when]["estimate"] == pytest.approx(
            ratio, rel=1e-3
        )
        assert set(figures["auroc"][when]) == {"estimate", "low", "high", "n"}


def test_a_subgroup_of_three_patients_is_suppressed():
    then, now = a_pair()
    three = now.subject < 3
    sex = np.where(three, "unstated", now.groups["sex"])

    report = watched(then, now, groups={"sex": sex})

    row = next(row for row in report["subgroups"]["sex"]["groups"] if row["group"] == "unstated")
    assert (row["n"], row["suppressed"], row["performance"]) == (None, True, None)
    others = [row["n"] for row in report["subgroups"]["sex"]["groups"] if row["n"] is not None]
    assert sum(others) == 400
    assert any(
        "sex: unstated, with 10 patients or fewer" in line for line in report["cannot_know_yet"]
    )


def test_a_group_that_the_model_was_never_evaluated_on_is_found():
    then, now = a_pair()
    sex = np.where(now.subject < 80, "unstated", now.groups["sex"])

    report = watched(then, now, groups={"sex": sex})

    assert any("hardly or never evaluated" in finding["text"] for finding in report["findings"])


def test_a_flag_that_nobody_had_and_half_have_now_is_found():
    then, now = a_pair()
    then = then.with_column("signal 4", np.zeros(then.label.size))
    now = now.with_column("signal 4", (now.subject % 2).astype(float))

    report = watched(then, now)

    assert [finding["what"] for finding in report["findings"]] == ["signal 4"]
    assert (
        "nearly every patient had 0, and 50 % of patients now have another value"
        in (report["findings"][0]["text"])
    )


def test_a_feature_that_few_had_at_release_is_said_not_to_be_judged():
    then, now = a_pair()
    then = then.with_column("signal 4", np.where(then.subject < 8, 1.0, np.nan))
    now = now.with_column("signal 4", np.where(now.subject < 8, 1.0, np.nan))

    report = watched(then, now)

    assert report["status"] == "quiet"
    assert any(
        "'signal 4' moved: too few patients had it" in line for line in report["cannot_know_yet"]
    )


def test_ten_missing_then_and_ten_missing_now_are_no_finding():
    then, now = a_pair(patients=100, rows=1)
    then, now = (
        side.with_column("signal 0", np.where(side.subject < 10, np.nan, side.column("signal 0")))
        for side in (then, now)
    )

    report = watched(then, now, alpha=0.05)

    tests = {line["name"]: line for line in report["tests"]["each"]}
    assert tests["missing: signal 0"]["p"] == 1.0


def test_a_small_effect_in_very_many_patients_is_more_than_chance_but_no_finding():
    then, now = stays(1, patients=30_000, rows=1), stays(2, patients=30_000, rows=1)
    now = now.with_column("signal 0", now.column("signal 0") + 1.5)

    report = watched(then, now)

    line = next(t for t in report["tests"]["each"] if t["name"] == "distribution: signal 0")
    assert (line["more_than_chance"], line["large_enough"]) == (True, False)
    assert report["findings"] == []


def test_every_p_value_of_a_run_is_adjusted_in_one_family():
    report = watched(*halves(1))

    tests = report["tests"]
    smallest = min(tests["each"], key=lambda line: line["p"])
    assert tests["made"] == len(tests["each"]) >= 2 * 30 + 6
    assert smallest["p_adjusted"] == pytest.approx(min(1, smallest["p"] * tests["made"]), rel=0.01)


def test_no_count_of_one_to_ten_patients_is_in_a_report():
    then, now = a_pair(rows=1)
    now = now.with_column("signal 0", now.column("signal 0") + 25)

    report = watched(then, now)

    shown = [entry["distribution"]["now"] for entry in report["inputs"]]
    assert any(None in counts for counts in shown)
    assert [n for counts in shown for n in counts if n is not None and 0 < n <= 10] == []


def test_findings_come_with_the_most_severe_first():
    then, now = a_pair()
    gone = np.where(now.subject < 40, np.nan, now.column("signal 2"))
    now = now.with_column("signal 2", gone)
    now = now.with_column("signal 0", 10 * now.column("signal 0"))

    severities = [finding["severity"] for finding in watched(then, now)["findings"]]

    assert severities == ["high", "medium"]


def test_an_error_or_a_report_on_broken_labels_never_finds_performance_fine():
    then, now = a_pair()

    report = watched(then, now, label=1 - now.label)

    assert {"performance", "calibration"} <= kinds(report)
