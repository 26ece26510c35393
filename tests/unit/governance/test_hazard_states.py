"""A hazard is open where no control works or one is broken; its page says so and escapes words."""

import msgspec
import pytest

from bedside.core.records.hazard import Hazard
from bedside.core.records.version import GateResult
from bedside.governance.hazard_states import Shown, hazard_states
from bedside.governance.hazards_page import hazards_page
from trained import a_declaration

PASSED = tuple(
    GateResult(metric=name, passed=True, text=f"{name} is kept")
    for name in ("auroc", "sensitivity", "brier")
)


def a_hazard(*controls, **changed):
    told = {
        "id": "missed",
        "hazard": "<b>too low</b>",
        "situation": ["nobody looks"],
        "harm": "late treatment",
        "severity": "critical",
        "before": "probable",
        "after": "remote",
        "judged_by": "the clinical lead",
        "controls": list(controls),
    }
    return msgspec.convert(told | changed, Hazard)


def judged(*controls, gates=PASSED, live=None, guards=None, monitor=None):
    declaration = a_declaration(hazards=(a_hazard(*controls),))
    shown = Shown(gates=gates, live=live or {}, guards=guards or {}, monitor=monitor)
    return hazard_states(declaration, shown)[0]


FAILED = (PASSED[0], GateResult(metric="sensitivity", passed=False, text="too low"), PASSED[2])
GUARD = {"guard": "failure_rate"}
TEXT = {"text": "look yourself"}


@pytest.mark.parametrize(
    ("controls", "seen", "is_open"),
    [
        ([{"gate": "auroc"}], {}, False),
        ([{"gate": "sensitivity"}], {"gates": FAILED}, True),
        ([{"gate": "auroc"}, {"gate": "sensitivity"}], {"gates": FAILED}, True),
        ([GUARD], {}, True),
        ([GUARD], {"guards": {"failure_rate": ("works", "0 of 100")}}, False),
        ([{"gate": "auroc"}, GUARD], {"guards": {"failure_rate": ("broken", "9 of 10")}}, True),
        ([{"monitor": "inputs"}, TEXT], {}, True),
        ([{"monitor": "inputs"}], {"monitor": ("works", "quiet")}, False),
        ([{"live_gate": "answers"}], {"live": {("answers", None): ("broken", "few")}}, True),
        ([TEXT], {}, False),
        ([], {}, True),
    ],
)
def test_a_hazard_is_open_where_no_control_works_or_one_is_broken(controls, seen, is_open):
    assert judged(*controls, **seen).is_open is is_open


def test_the_page_says_what_is_open_and_escapes_what_is_declared():
    state = judged(GUARD)

    page = hazards_page(
        [state], title="<x>", version="m@1", stage="live", at="2027-01-01T00:00", matrix=None
    )

    assert "1 open" in page
    assert "<b>too low" not in page
    assert "&lt;x&gt;" in page
    assert page.count("<svg") == 2
