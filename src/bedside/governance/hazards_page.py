"""The hazard log as a page: two risk matrices, and each hazard with its controls as of now."""

from collections import defaultdict
from collections.abc import Sequence
from html import escape

from bedside.charts.risk_matrix import risk_matrix_chart
from bedside.core.records.hazard import PROBABILITIES, RISK_MATRIX, SEVERITIES, RiskMatrix
from bedside.governance.hazard_states import ControlState, HazardState

__all__ = ["hazards_page"]

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:68rem;margin:2rem auto;padding:0 1rem;"
    "color:#1a1a1a;background:#fff}h2{margin-top:2rem}h3{margin-bottom:.25rem}"
    "svg{width:100%;max-width:760px;height:auto;font:12px system-ui,sans-serif}"
    "svg .head{font-weight:600}svg .word{font-size:10px;fill:#333}svg .mark{font-weight:700}"
    "svg .acceptable{fill:#dcefdc}svg .reduce{fill:#f6e7b4}svg .unacceptable{fill:#f2c4bd}"
    "ol,ul{margin:.25rem 0}.open{border-left:.4rem solid #a1260d;padding-left:.8rem}"
    ".shut{border-left:.4rem solid #2c6e2c;padding-left:.8rem}dl{display:grid;"
    "grid-template-columns:11rem 1fr;gap:.2rem 1rem}dt{font-weight:600}dd{margin:0}"
    "footer{color:#444;margin-top:2rem;border-top:1px solid #bbb}"
)
_SIGN = {"works": "✓ works", "not yet": "… not yet", "broken": "✗ broken"}
_CALLED = {
    "gate": "gate of the build",
    "live_gate": "live gate",
    "guard": "guard",
    "eligibility": "eligibility by",
    "uncertainty": "uncertainty:",
    "monitor": "monitoring of",
    "channel": "channel",
}


def hazards_page(
    states: Sequence[HazardState],
    *,
    title: str,
    version: str,
    stage: str,
    at: str,
    matrix: RiskMatrix | None,
) -> str:
    """The page; everything that the declaration says is escaped.

    Args:
        states: Each hazard as of now.
        title: Of the model.
        version: Its id.
        stage: Where it is.
        at: When this was looked at, ISO 8601.
        matrix: The hospital's own; None: Bedside's.
    """
    opens = [one.hazard.id for one in states if one.is_open]
    grave = [one.hazard.id for one in states if not one.accepted]
    whose = "Bedside's own" if matrix is None else "the declaration's own"
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width'>",
        f"<title>Hazards: {escape(title)}</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>Hazard log: {escape(title)}</h1>",
        f"<p>{escape(version)}, {escape(stage)}, as of {escape(at[:16])} UTC. "
        f"{len(states)} hazards; {_listed(opens, 'open: no control works, or one is broken')}; "
        f"{_listed(grave, 'with a residual risk that is not accepted')}.</p>",
        "<h2>Risk without and with the controls</h2>",
        f"<p>The matrix is {whose}. Worry where a hazard lies in a cell that says unacceptable "
        "after its controls.</p>",
        _chart(states, matrix, after=False),
        _chart(states, matrix, after=True),
        "<h2>Each hazard</h2>",
        *(_hazard(one) for one in states),
        "<footer><p>The severities: "
        + "; ".join(f"<b>{name}</b>, {escape(text)}" for name, text in SEVERITIES.items())
        + ". The form follows ISO 14971:2019; this page certifies nothing.</p></footer>",
        "</main></body></html>\n",
    ]
    return "\n".join(parts)


def _listed(names: Sequence[str], what: str) -> str:
    return f"{len(names)} {what}" + (f" ({escape(', '.join(names))})" if names else "")


def _chart(states: Sequence[HazardState], matrix: RiskMatrix | None, *, after: bool) -> str:
    rows = list(reversed(PROBABILITIES))
    marks: dict[tuple[int, int], list[str]] = defaultdict(list)
    for one in states:
        hazard = one.hazard
        probability = hazard.after if after else hazard.before
        place = rows.index(probability), list(SEVERITIES).index(hazard.severity)
        marks[place].append(hazard.id)
    when = "with the controls" if after else "without the controls"
    svg = risk_matrix_chart(
        rows,
        list(SEVERITIES),
        [(matrix or RISK_MATRIX)[row] for row in rows],
        marks,
        title=f"Risks {when}",
        says=f"How probable and how severe the harm of each hazard is {when}.",
    )
    return f"<h3>{when.capitalize()}</h3>{svg}"


def _hazard(one: HazardState) -> str:
    hazard = one.hazard
    events = "".join(f"<li>{escape(event)}</li>" for event in hazard.situation)
    controls = "".join(f"<li>{_control(each)}</li>" for each in one.controls)
    accepted = "accepted" if one.accepted else "<strong>not accepted</strong>"
    weighed = (
        f"<dt>Benefit and risk</dt><dd>{escape(hazard.benefit_risk)}</dd>"
        if hazard.benefit_risk
        else ""
    )
    state = "open" if one.is_open else "controlled"
    return (
        f"<section class={'open' if one.is_open else 'shut'}>"
        f"<h3>{escape(hazard.id)}: {escape(hazard.hazard)} — {state}</h3>"
        f"<dl><dt>What happens</dt><dd><ol>{events}</ol></dd>"
        f"<dt>Harm</dt><dd>{escape(hazard.harm)} ({hazard.severity})</dd>"
        f"<dt>Without controls</dt><dd>{hazard.before}: {one.before}</dd>"
        f"<dt>With controls</dt><dd>{hazard.after}: {one.after}, {accepted}</dd>"
        f"<dt>Controls</dt><dd><ul>{controls or '<li>none</li>'}</ul></dd>{weighed}"
        f"<dt>Judged by</dt><dd>{escape(hazard.judged_by)}</dd></dl></section>"
    )


def _control(one: ControlState) -> str:
    control = one.control
    if control.kind == "text":
        return f"{_SIGN[one.state]} — users are told: {escape(control.name)}"
    group = f" of {escape(control.subgroup)}" if control.subgroup else ""
    name = f"{_CALLED[control.kind]} {escape(control.name)}{group}"
    return f"{_SIGN[one.state]} — {name}: {escape(one.text)}"
