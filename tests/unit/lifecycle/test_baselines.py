"""A version is watched by the baseline of its bundle, or by one that a person set since."""

import json
from dataclasses import replace

import numpy as np
import pytest

from bedside.core.errors import Invalid, Refused
from bedside.core.records.bundle import FEATURES, MODEL, REFERENCE
from bedside.core.records.watch import Watch
from bedside.features.definition import feature_set_from_json
from bedside.lifecycle.baselines import BASELINE_SET, baseline_of, set_baseline
from bedside.monitor.detectors.watching import watch_days
from bedside.monitor.stream.answers import UNKNOWN_DAY, Answers
from bedside.monitor.stream.tally import tally_days
from exported import ARCHIVE, an_old_bundle
from live_ward import a_built_workspace, a_ward

NAMES = sorted(path.stem for path in ARCHIVE.glob("*.zip"))
DAYS = ("2026-03-02", "2026-03-09")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return a_built_workspace(tmp_path_factory.mktemp("built") / "w")


@pytest.fixture
def ward(built, tmp_path):
    return a_ward(built, tmp_path / "w")


def eight_days(ward, each=30, seed=3):
    """Each day, so many patients are asked about, and yesterday's outcomes come."""
    drawn = np.random.default_rng(seed)
    came = []
    for day in range(8):
        came.append(ward.answer(day, drawn.integers(0, len(ward.risk), each).tolist()))
        if day:
            ward.came(day, came[-2])
    ward.clock.at = ward.on(9)


def baseline(ward):
    return baseline_of(ward.platform, ward.version, ward.bundle)


def test_a_bundle_says_how_its_held_out_patients_were(ward):
    made = baseline(ward)

    names = feature_set_from_json(ward.bundle.files[FEATURES]).names
    ids = {stream.id for stream in made.streams}
    assert made.made_from == f"{made.subjects} held-out patients of the build"
    assert made.version == ward.version.id
    assert made.names == names
    assert {"score", "alert", "abstention", "residual", "placement_case"} <= ids
    assert {f"missing:{name}" for name in names} <= ids
    assert len(made.contributions) == len(names) + 1
    assert max(one.gain for one in made.features) > 0


def test_the_held_out_patients_themselves_raise_no_alarm(ward):
    """Every biopsy of the data set, the held-out ones among them, ten times over."""
    names = feature_set_from_json(ward.bundle.files[FEATURES]).names
    rows = np.tile(np.arange(len(ward.risk)), 10)
    n = len(rows)
    predictor = ward.platform.predictor_of(ward.bundle.files[MODEL])
    risk = predictor.predict(ward.matrix)[rows]
    answers = Answers(
        day=20_000 + np.arange(n) * 60 // n,
        subject=np.arange(n),
        hours=np.zeros(n),
        outcome=np.zeros(n, np.int8),
        reason=np.full(n, "", dtype="U9"),
        risk=risk,
        alert=risk >= ward.bundle.threshold,
        shown=np.ones(n, bool),
        latency_ms=np.full(n, 5.0),
        features=names,
        matrix=ward.matrix[rows],
        label=np.full(n, np.nan),  # it was fitted on most of them: how it does says nothing
        label_day=np.full(n, UNKNOWN_DAY),
        acted=np.zeros(n, bool),
        groups={},
    )

    made = baseline(ward)
    seen = watch_days(made, Watch(), None, tally_days(made, answers))
    moved = answers.matrix.copy()
    moved[:, 0] *= 1.5
    told = watch_days(made, Watch(), None, tally_days(made, replace(answers, matrix=moved)))

    assert seen.findings == ()
    assert {one.signal for one in told.findings} == {made.features[0].signal}


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_of_before_there_were_baselines_is_opened_and_refused_with_a_fix(
    ward, name, tmp_path
):
    old = an_old_bundle(name, tmp_path)
    files = old.files()
    bundle = replace(ward.bundle, files=files)

    with pytest.raises(Refused) as refusal:
        baseline_of(ward.platform, ward.version, bundle)

    assert json.loads(files[REFERENCE])["form"] == "bedside.monitoring-reference/1"
    assert refusal.value.code == "no_baseline"
    assert "--baseline SINCE UNTIL" in refusal.value.fix


def test_a_person_can_set_the_baseline_of_a_version_by_days_on_which_it_answered(ward):
    eight_days(ward)
    before = baseline(ward)

    made = set_baseline(
        ward.platform, ward.version.id, *DAYS, reason="The laboratory has changed for good."
    )

    now = baseline(ward)
    ids = {stream.id for stream in now.streams}
    assert now == made.baseline != before
    assert now.digest == made.baseline.digest
    assert now.made_from == "the answers of 2026-03-02 to 2026-03-09"
    assert (now.subjects, now.per_day[0]) == (240, 30)
    assert {"slow", "label_delay", "residual", "rank:mean_radius.last"} <= ids
    assert now.usual_delay_days == 1


def test_who_set_a_baseline_of_which_days_is_in_the_ledger_and_why_lies_sealed(ward):
    eight_days(ward)
    made = set_baseline(ward.platform, ward.version.id, *DAYS, reason="Since the move.")

    entry = ward.platform.ledger.entry(made.sequence)

    assert entry.action == BASELINE_SET
    assert (entry.details["since"], entry.details["until"]) == DAYS
    assert entry.details["baseline"] == made.baseline.digest
    assert "Since the move" not in json.dumps(entry.details)
    assert json.loads(ward.platform.ledger.unseal(made.sequence))["reason"] == "Since the move."


def test_the_last_baseline_that_was_set_counts(ward):
    eight_days(ward)
    set_baseline(ward.platform, ward.version.id, *DAYS, reason="First.")
    last = set_baseline(ward.platform, ward.version.id, DAYS[0], "2026-03-06", reason="Second.")

    assert baseline(ward) == last.baseline


@pytest.mark.parametrize(
    ("since", "until", "reason", "code"),
    [
        ("2026-03-09", "2026-03-02", "x", "invalid"),
        ("2026-03-02", "2026-03-11", "x", "invalid"),  # today is not over
        ("yesterday", "2026-03-02", "x", "invalid"),
        ("2026-03-02", "2026-03-09", " ", "invalid"),
        ("2026-03-02", "2026-03-02", "x", "too_few_answers"),
        ("2026-02-01", "2026-02-02", "x", "too_few_answers"),
    ],
)
def test_days_that_cannot_be_a_baseline_are_refused(ward, since, until, reason, code):
    eight_days(ward)

    with pytest.raises((Invalid, Refused)) as refusal:
        set_baseline(ward.platform, ward.version.id, since, until, reason=reason)

    assert refusal.value.code == code
    assert baseline(ward).made_from.endswith("of the build")


def test_a_baseline_of_live_days_is_as_wide_as_they_differed(ward):
    """On each day another share of patients has no radius."""
    drawn = np.random.default_rng(4)
    for day in range(16):
        rows = drawn.choice(ward.held_out, 60).tolist()
        matrix = ward.matrix[rows].copy()
        matrix[drawn.random(60) < (0.05, 0.4)[day % 2], 0] = np.nan
        ward.answer(day, rows, matrix=matrix)
    ward.clock.at = ward.on(17)

    def radius(until):
        set_baseline(ward.platform, ward.version.id, DAYS[0], until, reason="as it was")
        made = baseline(ward)
        return made.streams[made.index(f"missing:{made.names[0]}")]

    short, long = radius("2026-03-14"), radius("2026-03-17")

    assert short.most - short.mean < 0.15
    assert long.most - long.mean > 0.25
