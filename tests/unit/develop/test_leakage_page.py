"""What the page of the leakage audit tells, and what it keeps to itself."""

from dataclasses import replace

from bedside.core.records.declaration import Acknowledgement
from bedside.core.records.leakage import Checked, CodeDelays, Finding, LeakageReport, Score
from bedside.develop.evaluate.leakage_page import render_leakage
from trained import a_declaration

LEAK = Finding(
    name="derived_from_label:ALERT//<b>team</b>",
    kind="derived_from_label",
    text="It is derived from the label.",
    fix="leave it out.",
    features=tuple(f"alert.{number}" for number in range(15)),
    evidence={"events": 7.0, "share_at_outcome": 0.95, "auroc": 0.87},
)
WARNING = replace(LEAK, name="no_delay:LOINC//1", kind="no_delay", severity="warning")
CHECKED = (
    Checked(detector="delays", what="laboratory codes", number=3, kinds=("no_delay",)),
    Checked(detector="strength", what="features, all weak", number=1200, kinds=("strong_alone",)),
    Checked(detector="after discharge", what="codes", number=0, kinds=("after_discharge",)),
)
SCORES = tuple(
    Score(without=name, features=features, figures={"auroc": auroc, "auprc": 0.4})
    for name, features, auroc in (("", (), 0.9), (LEAK.name, LEAK.features, 0.7))
)


def page(*findings, because="", **more):
    told = (Acknowledgement(finding=LEAK.name, because=because),) if because else ()
    report = LeakageReport(findings=findings, checked=CHECKED, **more)
    return render_leakage(a_declaration(acknowledged=told), report)


def test_an_open_leak_stops_and_a_warning_does_not():
    assert "1 leak: the model is not built until it is mended" in page(LEAK, WARNING)
    assert "Nothing stops the build" in page(WARNING)


def test_an_accepted_leak_is_shown_with_its_reason():
    told = page(LEAK, because="the team is called by the alert that this replaces")

    assert "because the team is called by the alert that this replaces" in told
    assert "no leak was found that is not accepted with a reason" in told


def test_an_acknowledgement_of_nothing_is_told():
    assert "no longer found: derived_from_label" in page(because="it was so once")


def test_what_was_checked_is_told_as_passed_found_or_absent():
    told = page(WARNING)

    assert "strength: 1,200 features, all weak." in told
    assert "delays: see above (no_delay)." in told
    assert "after discharge: there was nothing to look at." in told


def test_what_the_data_say_is_escaped_and_small_counts_are_hidden():
    told = page(LEAK, delays=(CodeDelays(code="<i>x</i>", counts=(4, 0, 0, 0, 0, 0, 0, 0)),))

    assert "<b>team" not in told
    assert "<i>x" not in told
    assert "95.0 %" in told
    assert told.count("10 or fewer") == 2
    assert "and 3 more" in told


def test_each_suspect_is_drawn_beside_what_it_costs_to_leave_it_out():
    told = page(LEAK, scores=SCORES)

    assert told.count('class="first"') == 3  # two alternatives and the key
    assert "0.700 (-0.200)" in told
    assert "<script" not in told
