"""Which threshold and snooze of a version fit the staff, from the figures in its bundle alone."""

import json
from dataclasses import dataclass
from pathlib import Path

from bedside.core.clock import hours_of
from bedside.core.errors import Refused
from bedside.core.ids import digest_of
from bedside.core.records.bundle import EVIDENCE
from bedside.develop.evaluate.burden import Burden, burden_of, render_burden
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle

__all__ = ["Simulated", "simulate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """The burden of a version's alerts, and the page that shows it."""

    version: str
    title: str
    burden: Burden
    page: Path


def simulate(
    platform: Platform,
    version_id: str,
    *,
    beds: int | None = None,
    capacity: float | None = None,
    snooze: str | None = None,
) -> Simulated:
    """What alerts of other thresholds and snoozes would ask of the staff, and find.

    Args:
        platform: Where the version is registered.
        version_id: As the registry names it.
        beds: Occupied beds; as declared if not given.
        capacity: Alerts that the staff can follow up in 24 h; as declared if not given.
        snooze: A duration; as declared if not given.

    Raises:
        NotFound: there is no such version.
        Refused: its bundle is not intact, or its alerts are not counted by the day.
        Invalid: the duration cannot be read, or the evidence holds no figures for it; beds or
            capacity are not above 0.
    """
    version = platform.registry.get(version_id)
    bundle = open_bundle(platform, version)
    evidence, plan = json.loads(bundle.files[EVIDENCE]), bundle.declaration.evaluation.alerts
    if "alerts" not in evidence:
        raise Refused(
            f"The evidence of {version.id} does not count alerts by the day.",
            fix="declare evaluation.burden_per: day for a model that asks again and again, and "
            "build it again. A model that asks once has its alerts in its report.",
            code="no_alerts_by_day",
        )
    burden = burden_of(
        evidence["alerts"],
        threshold=evidence["threshold"]["value"],
        beds=plan.beds if beds is None else beds,
        capacity=plan.capacity if capacity is None else capacity,
        snooze_hours=hours_of(plan.snooze if snooze is None else snooze),
    )
    title = bundle.declaration.title
    page = render_burden(title, version.id, evidence["alerts"], burden).encode()
    asked = {"beds": burden.beds, "capacity": burden.capacity, "snooze": burden.snooze_hours}
    name = f"alerts-{version.bundle[:12]}-{digest_of(asked)[:8]}.html"
    path = platform.folder / "reports" / version.name / name
    platform.write(path, page)
    return Simulated(version=version.id, title=title, burden=burden, page=path)
