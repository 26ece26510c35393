"""A baseline says how answers were, tells what cannot be watched, and keeps nobody's value."""

from dataclasses import replace

import numpy as np
import pytest

from bedside.monitor.stream.answers import UNKNOWN_DAY, Answers
from bedside.monitor.stream.baseline import baseline_to_json
from bedside.monitor.stream.grids import grid_of
from bedside.monitor.stream.tally import summed, tally_days
from streamed import a_baseline, ward_answers
from watched import held_out_biopsies


def stream_of(baseline, name):
    (found,) = [stream for stream in baseline.streams if stream.id == name]
    return found


def ids(baseline):
    return {stream.id for stream in baseline.streams}


def biopsies() -> Answers:
    """Real patients, each asked about once."""
    told = held_out_biopsies()
    n = len(told.risk)
    return Answers(
        day=np.arange(n) // 10,
        subject=np.arange(n),
        hours=np.zeros(n),
        outcome=np.zeros(n, np.int8),
        reason=np.full(n, "", dtype="U9"),
        risk=told.risk,
        alert=told.risk >= 0.3,
        shown=np.ones(n, bool),
        latency_ms=np.full(n, np.nan),
        features=tuple(told.names),
        matrix=told.matrix,
        label=told.label.astype(float),
        label_day=np.full(n, UNKNOWN_DAY),
        acted=np.zeros(n, bool),
        groups={},
    )


def of_biopsies(answers=None, **parts):
    told = {"signals": {}, "titles": {}, "categories": {}, "threshold": 0.3, "live": False}
    return a_baseline(biopsies() if answers is None else answers, **(told | parts))


def test_the_means_of_a_baseline_are_those_of_its_own_answers():
    answers = ward_answers(400)
    baseline = a_baseline(answers)
    whole = summed(tally_days(baseline, answers, range(19_990, 20_030)))

    for place, stream in enumerate(baseline.streams):
        if stream.id != "label_delay":  # of answers that are old enough alone
            mean = whole.total[place] / whole.n[place]
            assert stream.least <= mean <= stream.most, stream.id
            if stream.mean * stream.n > 10:
                assert mean == pytest.approx(stream.mean, abs=2e-2), stream.id
    assert whole.drawn == baseline.subjects


def test_the_mean_of_both_placements_is_the_auroc():
    answers = biopsies()
    baseline = of_biopsies(answers)
    events, others = answers.risk[answers.label == 1], answers.risk[answers.label == 0]
    auroc = np.mean(events[:, None] > others[None, :])

    case, control = (stream_of(baseline, f"placement_{one}") for one in ("case", "control"))

    assert case.mean == pytest.approx(auroc, abs=0.02)
    assert control.mean == pytest.approx(auroc, abs=0.02)


def test_a_subject_whose_risks_are_right_has_a_residual_in_the_middle():
    assert stream_of(a_baseline(), "residual").mean == pytest.approx(0.5, abs=0.01)


def test_the_own_mean_rank_of_tied_values_is_the_reference_and_not_one_half():
    oxygen = stream_of(a_baseline(), "rank:on_oxygen")

    assert oxygen.mean == pytest.approx(0.5, abs=1e-3)  # mid-ranks make it so, ties and all
    assert oxygen.sd < 0.26  # of two values, not of a continuous one


def test_a_share_that_was_0_or_1_is_watched_up_to_the_rule_of_three():
    baseline = a_baseline()
    always, never = stream_of(baseline, "missing:age"), stream_of(baseline, "missing:zinc")

    assert (always.mean, always.least) == (0.0, 0.0)
    assert 3 / baseline.subjects <= always.most <= 5 / baseline.subjects
    assert (never.mean, never.most) == (1.0, 1.0)
    assert never.least >= 1 - 5 / baseline.subjects


def test_a_share_of_one_to_ten_patients_is_not_told():
    answers = ward_answers(400, asked=1, strange=False)

    def with_missing(count):
        matrix = answers.matrix.copy()
        matrix[:count, 0] = np.nan
        return stream_of(a_baseline(replace(answers, matrix=matrix)), "missing:age")

    assert with_missing(2) == with_missing(9)
    assert with_missing(2) != with_missing(11)


def test_cells_hold_more_than_ten_patients_and_edges_are_no_ones_value():
    rng = np.random.default_rng(3)
    for size in (11, 40, 150, 400, 3000):
        values = rng.lognormal(0, 1, size)
        grid = grid_of(values)

        assert all(share * size > 10.5 for share in grid.shares)
        assert min(values) not in grid.edges
        assert all(edge == float(f"{edge:.2e}") for edge in grid.edges)
        assert grid.ranks @ np.array(grid.shares) == pytest.approx(0.5, abs=1e-3)
    assert grid.low
    assert grid.high
    assert grid_of(values[:10]) is None


def test_a_number_that_nearly_everybody_has_is_watched_by_whatever_is_not_it():
    answers = ward_answers(400, strange=False)
    matrix = answers.matrix.copy()
    matrix[:, 4] = 7.0
    baseline = a_baseline(replace(answers, matrix=matrix))
    matrix = matrix.copy()
    matrix[:, 4] = 70.0

    now = summed(tally_days(baseline, replace(answers, matrix=matrix)))

    place = baseline.index("beyond:zinc")
    assert "rank:zinc" not in ids(baseline)
    assert baseline.streams[place].mean == 0
    assert now.total[place] == now.n[place] > 0


@pytest.mark.parametrize(
    ("change", "word", "gone"),
    [
        ({"label": np.nan}, "no outcome of the baseline says yes or no", "residual"),
        ({"label": 0.0}, "ranks", "placement_case"),
        ({"risk": 0.5}, "Where the risks lie", "score"),
    ],
)
def test_what_cannot_be_watched_is_said(change, word, gone):
    answers = biopsies()
    constant = {name: np.full(len(answers), value) for name, value in change.items()}

    baseline = of_biopsies(replace(answers, **constant))

    assert gone not in ids(baseline)
    assert any(word in one for one in baseline.unwatched)
    assert gone in ids(of_biopsies(answers))


@pytest.mark.parametrize("size", [0, 5, 12])
def test_with_few_patients_nothing_is_watched(size):
    baseline = of_biopsies(biopsies().take(np.arange(341) < size))

    assert baseline.streams == ()
    assert "Anything" in baseline.unwatched[0]
    assert tally_days(baseline, biopsies(), [3])[0].answers == 10


def test_erased_patients_are_counted_and_drawn_for_nothing():
    answers = biopsies()
    baseline = of_biopsies(answers)
    n = len(answers)
    erased = replace(
        answers,
        subject=np.full(n, -1),
        matrix=np.full_like(answers.matrix, np.nan),
        risk=np.full(n, np.nan),
    )

    told = summed(tally_days(baseline, erased))

    assert (told.answers, told.erased, told.drawn, told.n.sum()) == (n, n, 0, 0)


def test_a_baseline_holds_no_patients_value():
    answers = biopsies()
    told = str(baseline_to_json(of_biopsies(answers)))

    precise = [repr(float(value)) for value in answers.matrix.ravel()]
    assert not [one for one in precise if len(one.replace(".", "").strip("0")) > 4 and one in told]


def test_the_outer_tenths_of_a_number_are_watched_and_those_of_two_values_are_not():
    baseline = a_baseline()

    low, high = stream_of(baseline, "low:age"), stream_of(baseline, "high:age")

    assert low.mean == pytest.approx(0.1, abs=0.05)
    assert high.mean == pytest.approx(0.1, abs=0.05)
    assert not {"low:on_oxygen", "high:on_oxygen", "low:ward_type"} & ids(baseline)


def test_features_that_are_missing_together_have_one_stream_for_it():
    answers = ward_answers(400)
    twice = replace(
        answers,
        features=(*answers.features, "lactate_max"),
        matrix=np.column_stack([answers.matrix, answers.matrix[:, 1] + 1]),
    )
    signals = {"lactate": "lactate", "lactate_max": "lactate"}

    together, apart = a_baseline(twice, signals=signals), a_baseline(twice, signals={})

    assert "missing:lactate_max" not in ids(together)
    assert {"missing:lactate", "rank:lactate_max"} <= ids(together)
    assert "missing:lactate_max" in ids(apart)


def test_patients_who_lie_for_days_are_of_each_day_and_count_in_the_range_once():
    baseline = a_baseline(ward_answers(400, asked=8, strange=False))

    drawn = stream_of(baseline, "missing:lactate")
    spot = stream_of(baseline, "today:missing:lactate")

    assert spot.mean == pytest.approx(drawn.mean, abs=0.05)
    assert spot.n <= 400 < 3 * 400  # each lies on three days
    once = a_baseline(ward_answers(400, asked=1))
    assert not [one for one in once.streams if one.spot]
    assert once.spotted == ()
