"""The pages that prove something are in words that a clinician reads, and fit on the screen."""

from bedside.charts.forest import ForestRow, forest_chart
from bedside.develop.evaluate.comparison_page import render_comparison
from bedside.develop.evaluate.external_page import render_external, summary_of
from bedside.develop.evaluate.history_page import render_history

FIGURE = {"estimate": 0.7, "low": 0.6, "high": 0.8, "n": 90}
KNOWN = {"checked": True, "left_out": "0", "same_identifier": "0", "held_out": "0"}


def an_evaluation(**more):
    group = {"subjects": 40, "metrics": {"auroc": FIGURE}}
    hidden = {"subjects": None, "why": "10 subjects or fewer", "metrics": {"auroc": FIGURE}}
    return {
        "title": "Sepsis", "version": "sepsis@1", "snapshot": "0" * 64, "files": ["a.csv"],
        "outcome": "binary", "horizon_days": None, "familiar": KNOWN, "flow": [],
        "counts": {"subjects": "90", "rows": "90"}, "metrics": {"auroc": FIGURE},
        "internal": {}, "difference": {},
        "subgroups": {"age_band": {"60 and over": hidden, "under 60": group}},
        **more,
    }  # fmt: skip


def a_case_mix():
    part = {"mean": -0.1, "sd": 0.6}
    return {
        "outcome_rate": {"build": None, "here": None},
        "linear_predictor": {"build": part, "here": part},
        "membership": {"c_statistic": 0.5},
        "features": [],
    }


def test_a_hidden_group_takes_one_cell_and_no_figure_of_it_is_told():
    text = render_external(an_evaluation())

    table = text[text.index("<h2>Subgroups") :]
    assert "<th>age band</th>" in table
    assert table.index("under 60") < table.index("60 and over"), "bands by their edges"
    assert table.count("not shown: 10 subjects or fewer") == 1
    assert table.count("0.700\n(0.600 to 0.800)") == 1


def test_patients_held_out_at_the_build_are_not_called_other_patients():
    told = list(summary_of(an_evaluation(familiar={**KNOWN, "held_out": "85"})))
    others = list(summary_of(an_evaluation()))

    assert next(one for one in told if one["warn"])["text"].startswith("85 of these patients were")
    assert not any(one["warn"] for one in others)


def test_a_survival_model_names_its_horizon_and_has_no_row_that_cannot_be_filled():
    more = {"outcome": "survival", "horizon_days": 1826.0, "case_mix": a_case_mix()}

    survival = render_external(an_evaluation(**more))
    binary = render_external(an_evaluation(case_mix=a_case_mix()))

    assert "<td>AUROC at 1,826 days</td>" in survival
    assert "Share with the outcome" not in survival
    assert "Share with the outcome" in binary


def test_two_survival_models_are_drawn_at_every_horizon():
    both = {"first": FIGURE, "second": FIGURE, "difference": FIGURE}
    made = {"same_snapshot": True, "same_code": True, "recalibrated": [], "declaration": []}
    document = {
        "title": "Sepsis", "first": "a@1", "second": "a@2", "patients": "held out by both",
        "horizon_days": 730.0, "counts": {"subjects": "90", "rows": "90"},
        "metrics": {"auroc": both, "auroc_at_365_days": both}, "made_otherwise": made,
    }  # fmt: skip

    text = render_comparison(document)

    assert text.count("AUROC at 730 days") == text.count("AUROC at 365 days") > 1


def test_the_history_counts_versions_in_whole_numbers_and_says_where_no_gate_was_declared():
    version = {
        "version": "a@1", "built_at": "2026-01-01T00:00:00Z", "stage": "built", "parent": None,
        "gates_passed": True, "gates": 0, "recalibrated": None, "unreadable": "", "code": "c" * 64,
        "snapshot": "d" * 64, "metrics": {"auroc": FIGURE}, "approval": None, "moves": [],
        "evaluations": [],
    }  # fmt: skip

    again = {"at": "", "files": [], "counts": {}, "held_out": "85", "metrics": {"auroc": FIGURE}}
    repeated = {**version, "gates": 2, "evaluations": [again]}

    text = render_history("a", ["auroc"], [version, repeated])

    assert "other patients</text>" not in text, "these were held out at the build"
    assert ">1</text>" in text
    assert ">1.5</text>" not in text
    assert text.count("no gate declared") == 1


def test_a_forest_beside_another_picture_has_half_the_room_and_claims_no_interval():
    row = ForestRow(name="a name that is longer than there is room for", estimate=0.5)

    whole = forest_chart([row], title="t", says="s", figure_title="f")
    half = forest_chart([row], title="t", says="s", figure_title="f", half=True)

    assert 'viewBox="0 0 940' in whole
    assert 'viewBox="0 0 520' in half
    assert "95 % interval" not in whole
    assert "…</text>" in half
