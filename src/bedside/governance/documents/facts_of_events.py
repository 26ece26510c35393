"""What happened in some days of a model in use: alarms, incidents, changes; and its risks."""

from bedside.governance.documents.document import Line
from bedside.governance.documents.held import Held

__all__ = [
    "alarms",
    "changes",
    "hazards",
    "missed",
    "open_alarms",
    "other_incidents",
    "plan",
    "responses",
    "serious_incidents",
    "times",
]

_DID = {
    "approve": "approved",
    "build.done": "built",
    "hold": "held",
    "monitor.baseline": "its baseline was replaced",
    "promote": "promoted",
    "recalibrate": "recalibrated",
    "release": "released",
    "release.refused": "a release was refused",
    "resume": "resumed",
    "retrain.done": "learnt anew",
    "retrain.judged": "a challenger was judged against it",
    "retrain.promote": "a challenger was weighed for promotion",
    "retrain.refused": "learning anew was refused",
    "retrain.start": "learning anew began",
    "rollback": "rolled back",
    "suspend": "suspended",
}


def alarms(held: Held) -> list[Line]:
    """Each alarm of these days, what was likely behind it, and what was found."""
    made = [held.line("Alarms", f"{held.told['alarm_count']:,}", ("alarm_count",))]
    for at, one in enumerate(held.told["alarms"]):
        found = "" if one["found"] is None else f"; found: {one['found']}"
        text = f"{one['severity']}, {one['standing']}: {one['text']} Likely: {one['likely']}{found}"
        made.append(held.line(f"{one['id']} ({one['raised']})", text, ("alarms", at)))
    return made


def open_alarms(held: Held) -> list[Line]:
    """Those that are not resolved."""
    return [
        held.line(one["id"], f"{one['severity']}, {one['standing']}; {one['owner']} answers for it",
                  ("alarms", at))
        for at, one in enumerate(held.told["alarms"])
        if one["state"] != "resolved"
    ]  # fmt: skip


def times(held: Held) -> list[Line]:
    """How long each took to be acknowledged and resolved, counted from when it was raised."""
    return [
        held.line(
            one["id"],
            f"acknowledged: {_after(one['hours_to_acknowledge'])}; "
            f"resolved: {_after(one['hours_to_resolve'])}",
            ("alarms", at),
        )
        for at, one in enumerate(held.told["alarms"])
    ]


def missed(held: Held) -> list[Line]:
    """Alarms about the monitor itself, which did not run when it should have."""
    return [
        held.line(one["id"], str(one["text"]), ("alarms", at, "text"))
        for at, one in enumerate(held.told["alarms"])
        if one["kind"] == "run"
    ]


def responses(held: Held) -> list[Line]:
    """What the platform did about alarms by itself, as declared."""
    return [
        held.line(f"{one['id']}: response", text, ("alarms", at, "responses", number))
        for at, one in enumerate(held.told["alarms"])
        for number, text in enumerate(one["responses"])
    ]


def serious_incidents(held: Held) -> list[Line]:
    """Incidents that were judged serious, a death among them, or widespread."""
    return _incidents(held, serious=True)


def other_incidents(held: Held) -> list[Line]:
    """Every other incident and deviation."""
    return _incidents(held, serious=False)


def _incidents(held: Held, *, serious: bool) -> list[Line]:
    many = sum(one["serious"] is serious for one in held.told["incidents"])
    if not many:
        return [held.line("Written down", "none in these days", ("incidents",))]
    made = []
    for at, one in enumerate(held.told["incidents"]):
        if one["serious"] is not serious:
            continue
        parts = [one["severity"], "open" if one["closed"] is None else f"closed {one['closed']}"]
        parts += [f"hazard {one['hazard']}"] if one["hazard"] else []
        parts += [f"deviation from {one['deviation']}"] if one["deviation"] else []
        label = f"{one['id']} (noticed {one['noticed']})"
        made.append(held.line(label, "; ".join(parts), ("incidents", at)))
    return made


def changes(held: Held) -> list[Line]:
    """What was changed, by whom, and what became of it; each is an entry of the ledger."""
    made = []
    for at, one in enumerate(held.told["changes"]):
        told = "".join(f"; {name}: {value}" for name, value in one["told"].items())
        text = f"{one['version']} {_DID[one['action']]}, by {one['by']}{told}"
        label = f"{one['day']}, entry {one['sequence']}"
        made.append(held.line(label, text, ("changes", at)))
    return made


def plan(held: Held) -> list[Line]:
    """The changes that were planned beforehand."""
    return [
        held.line(one["id"], f"{one['kind']}: {one['text']}", ("plan", at))
        for at, one in enumerate(held.told["plan"])
    ]


def hazards(held: Held) -> list[Line]:
    """Each hazard, whether its risk is open, and the controls that do not work now."""
    made = []
    for at, one in enumerate(held.told["hazards"]["log"]):
        state = "OPEN" if one["open"] else "controlled"
        controls = "".join(f"; {c['kind']} {c['name']}: {c['state']}" for c in one["controls"])
        text = f"{one['hazard']}: {one['harm']} ({one['severity']}); {state}{controls}"
        made.append(held.line(one["id"], text, ("hazards", "log", at)))
    return made


def _after(hours: float | None) -> str:
    return "not yet" if hours is None else f"after {hours:g} h"
