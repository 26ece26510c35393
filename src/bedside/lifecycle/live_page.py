"""The page of a watched version, and the same as JSON, beside the other reports of a workspace."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Protocol

from bedside.core.clock import parse_duration
from bedside.core.ids import canonical_json
from bedside.core.records.declaration import Declaration
from bedside.core.records.version import ModelVersion
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.responding import Done
from bedside.lifecycle.watch_coverage import Coverage
from bedside.lifecycle.watch_judging import kept_tallies
from bedside.monitor.live_page.codes_table import codes_table
from bedside.monitor.live_page.live_report import live_report
from bedside.monitor.live_page.page import render_live_page
from bedside.monitor.stream.tally_maker import TallyMaker

__all__ = ["AfterRun", "add_performance", "write_live_page"]

_EARLIER = 7  # days that are shown before the earliest onset


class AfterRun(Protocol):
    """What the page tells of a run of the monitor: see `live_watch.Watched`."""

    @property
    def at(self) -> str:
        """When it began (ISO 8601)."""
        ...

    @property
    def through(self) -> str | None:
        """The last day that is counted."""
        ...

    @property
    def coverage(self) -> Coverage:
        """How many predictions can be judged."""
        ...

    @property
    def unknown(self) -> tuple[str, ...]:
        """What cannot be known yet."""
        ...

    @property
    def next_due(self) -> str:
        """When it should run next (ISO 8601)."""
        ...

    @property
    def done(self) -> tuple[Done, ...]:
        """What was done about alarms."""
        ...


def write_live_page(
    platform: Platform,
    version: ModelVersion,
    declaration: Declaration,
    maker: TallyMaker,
    watched: AfterRun,
) -> Path:
    """Write the page and the JSON of what is known after a run; each run replaces the last one's.

    The page looks back as far as the declared window, and to before the onset of every alarm that
    is open.

    Args:
        platform: The workspace.
        version: Which version.
        declaration: Of the version.
        maker: By the version's baseline.
        watched: What the run did.

    Returns:
        The page; the JSON lies beside it.
    """
    watch = declaration.monitoring.watch
    last = date.fromisoformat(watched.through or watched.at[:10])
    since = last - parse_duration(watch.window)
    alarms = [one for one in platform.alarms.all(version.name) if one.version == version.id]
    for alarm in alarms:
        if alarm.state != "resolved":
            since = min(since, date.fromisoformat(alarm.onset) - timedelta(days=_EARLIER))
    tallies = list(kept_tallies(platform, version.id, maker, since=since.isoformat()))
    titles = {name: signal.label for name, signal in declaration.signals.items()}
    report = live_report(
        maker.baseline,
        watch,
        tallies,
        model=declaration.title,
        version=version.id,
        at=watched.at,
        alarms=alarms,
        coverage=asdict(watched.coverage),
        unknown=watched.unknown,
        next_due=watched.next_due,
        done=[asdict(one) for one in watched.done],
        titles=titles,
    )
    report["codes"] = codes_table(maker.baseline, tallies, report["onsets"], titles)
    page = platform.folder / "reports" / f"{version.id.replace('@', '-')}-live.html"
    platform.write(page.with_suffix(".json"), canonical_json(report))
    platform.write(page, render_live_page(report).encode())
    return page


def add_performance(platform: Platform, page: Path, performance: Mapping[str, Any]) -> None:
    """Put what came true onto the page that a run has just written, and into its JSON.

    Args:
        platform: The workspace.
        page: As `write_live_page` told it.
        performance: From `live_performance`.
    """
    report = json.loads(page.with_suffix(".json").read_bytes())
    report["performance"] = dict(performance)
    platform.write(page.with_suffix(".json"), canonical_json(report))
    platform.write(page, render_live_page(report).encode())
