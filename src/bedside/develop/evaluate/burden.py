"""Which alert threshold and snooze fit the staff, worked out from the figures in the evidence.

It needs no patient's data: the evidence holds figures at many thresholds and some snoozes, with
what ten or fewer patients are behind left out (see `bedside.develop.evaluate.alerts`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bedside.charts.lines import Line, Mark
from bedside.core.errors import Invalid
from bedside.develop.evaluate.pictures import Picture, picture_of, told

__all__ = ["Burden", "Load", "burden_of", "burden_pictures", "render_burden"]

ROWS = 10
TONES = 5
DOTS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one threshold with one snooze asks of the staff, and what it finds.

    `alerts_per_day` are those in 24 h over all beds; `share_of_capacity` is None where no capacity
    is given. The other figures are as in `bedside.develop.evaluate.alerts`, None where ten patients
    or fewer are behind them.
    """

    threshold: float
    snooze_hours: float
    alerts_per_day: float
    false_alerts_per_day: float
    share_of_capacity: float | None
    alerts_per_true_alert: float | None
    event_sensitivity: float | None
    median_lead_hours: float | None

    @property
    def fits(self) -> bool:
        """Whether the staff can follow up every alert."""
        return self.share_of_capacity is not None and self.share_of_capacity <= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Burden:
    """Loads for a ward of `beds` occupied beds whose staff follow up `capacity` alerts in 24 h.

    `current` is the version's own threshold, where it is one for all. `choices` are some thresholds
    with the snooze that is asked for. `fitting` has, for each snooze, the threshold that finds most
    events among those that fit; `best` is the best of these.
    """

    beds: int
    capacity: float | None
    snooze_hours: float
    lead_hours: float
    current: Load | None
    choices: tuple[Load, ...]
    fitting: tuple[Load, ...]
    best: Load | None


def burden_of(
    alerts: Mapping[str, Any],
    *,
    threshold: float | None,
    beds: int,
    capacity: float | None,
    snooze_hours: float,
) -> Burden:
    """The loads of the thresholds in the evidence.

    Args:
        alerts: The part `alerts` of the evidence.
        threshold: That of the version.
        beds: Occupied beds, at least 1.
        capacity: Alerts that can be followed up in 24 h, above 0; None: not known.
        snooze_hours: One of those in the evidence.

    Raises:
        Invalid: beds or capacity are too small, or the snooze is not in the evidence.
    """
    if beds < 1 or (capacity is not None and capacity <= 0):
        raise Invalid("There are no beds, or no capacity.", fix="give numbers above 0.")
    snoozes = alerts["grid"]["snooze_hours"]
    if snooze_hours not in snoozes:
        raise Invalid(
            f"The evidence has no figures for a snooze of {snooze_hours:g} h.",
            fix=f"give one of {', '.join(f'{one:g} h' for one in snoozes)}, or declare it as "
            "evaluation.alerts.snooze and build again.",
            code="no_such_snooze",
        )
    by_snooze = {one: _loads(alerts["grid"], one, beds, capacity) for one in snoozes}
    asked = by_snooze[snooze_hours]
    fitting = tuple(
        max(fit, key=_worth)
        for loads in by_snooze.values()
        if (fit := [one for one in loads if one.fits and one.event_sensitivity is not None])
    )
    return Burden(
        beds=beds,
        capacity=capacity,
        snooze_hours=snooze_hours,
        lead_hours=alerts["lead_hours"],
        current=next((one for one in asked if one.threshold == threshold), None),
        choices=_some(asked),
        fitting=fitting,
        best=max(fitting, key=_worth) if fitting else None,
    )


def _worth(load: Load) -> tuple[float, float]:
    """More events found; with as many, fewer alerts."""
    return load.event_sensitivity or 0.0, -load.alerts_per_day


def _loads(
    grid: Mapping[str, Any], snooze: float, beds: int, capacity: float | None
) -> list[Load]:  # fmt: skip
    line = grid["snooze_hours"].index(snooze)
    figures = [
        grid[name][line]
        for name in (
            "alerts_per_patient_day", "false_alerts_per_patient_day", "alerts_per_true_alert",
            "event_sensitivity", "median_lead_hours",
        )
    ]  # fmt: skip
    return [
        Load(
            threshold=threshold,
            snooze_hours=snooze,
            alerts_per_day=alerts * beds,
            false_alerts_per_day=(false or 0.0) * beds,
            share_of_capacity=None if capacity is None else alerts * beds / capacity,
            alerts_per_true_alert=looked_at,
            event_sensitivity=found,
            median_lead_hours=lead,
        )
        for threshold, alerts, false, looked_at, found, lead in zip(
            grid["threshold"], *figures, strict=True
        )
        if alerts is not None
    ]


def _some(loads: Sequence[Load]) -> tuple[Load, ...]:
    """A few of the thresholds, about evenly apart in the share of events that they find."""
    known = [load for load in loads if load.event_sensitivity is not None]
    if not known:
        return tuple(loads[:: max(len(loads) // ROWS, 1)])
    lowest = min(load.event_sensitivity or 0.0 for load in known)
    highest = max(load.event_sensitivity or 0.0 for load in known)
    wanted = [lowest + step / (ROWS - 1) * (highest - lowest) for step in range(ROWS)]
    picked = {
        min(known, key=lambda load: (abs((load.event_sensitivity or 0.0) - aim), -load.threshold))
        for aim in wanted
    }
    return tuple(sorted(picked, key=lambda load: load.threshold))


def burden_pictures(alerts: Mapping[str, Any], burden: Burden) -> list[Picture]:
    """What is found against what it costs, for each snooze."""
    grid, lines, effort = alerts["grid"], [], []
    for tone, snooze in enumerate(grid["snooze_hours"][:TONES]):
        loads = _loads(grid, snooze, burden.beds, burden.capacity)
        name = f"snooze {snooze:g} h" if snooze else "no snooze"
        found = [load.event_sensitivity for load in loads]
        x, y = told([load.alerts_per_day for load in loads], found)
        lines.append(_thinned(name, x, y, tone))
        x, y = told([load.alerts_per_true_alert for load in loads], found)
        effort.append(_thinned(name, x, y, tone))
    reach = _reach(lines, burden)
    marks = [] if burden.capacity is None else [Mark(x=burden.capacity, text="capacity")]
    most = max([2.0, *(x for line in effort for x in line.x)])
    return [
        picture_of(
            f"Events found, by alerts a day in {burden.beds} beds",
            "Each point of a line is a threshold: the share of events that are found in time, and "
            "the alerts it takes in 24 h. Worry when your staff's capacity cuts the line where it "
            "is still steep.",
            lines,
            x_title=f"alerts in 24 h, {burden.beds} occupied beds",
            y_title=f"events found within {burden.lead_hours:g} h before",
            x_range=(0, reach),
            marks=marks,
        ),
        picture_of(
            "Events found, by alerts for one right alert",
            "How many alerts are looked at to find one that is right, for each share of events "
            "found. Worry when it is more than your staff will believe.",
            effort,
            x_title="alerts looked at for one that is right",
            y_title=f"events found within {burden.lead_hours:g} h before",
            x_range=(1, min(most, 50.0)),
        ),
    ]


def _thinned(name: str, x: list[float], y: list[float], tone: int) -> Line:
    """A line with a dot at every so many of its thresholds, so that lines differ by shape."""
    return Line(name=name, x=x, y=y, tone=tone, dots=True, every=max(len(x) // DOTS, 1))


def _reach(lines: Sequence[Line], burden: Burden) -> float:
    """As far as the capacity three times over, or as the line goes."""
    most = max([0.1, *(x for line in lines for x in line.x)])
    return most if burden.capacity is None else min(most, 3 * burden.capacity)


def render_burden(title: str, version: str, alerts: Mapping[str, Any], burden: Burden) -> str:
    """The page that answers: which threshold fits our staff?"""
    environment = Environment(
        loader=PackageLoader("bedside.develop.evaluate"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("burden.html.j2").render(
        title=title,
        version=version,
        burden=burden,
        lead_hours=alerts["lead_hours"],
        pictures=burden_pictures(alerts, burden),
    )
