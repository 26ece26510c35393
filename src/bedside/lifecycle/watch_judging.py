"""What counted days say: detectors advanced day by day, and alarms raised of what they find."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from bedside.core.clock import parse_duration
from bedside.core.records.declaration import Declaration
from bedside.core.records.version import ModelVersion
from bedside.core.records.watch import Finding, Watch
from bedside.lifecycle.alarms import raise_alarms
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.watched_answers import day_number
from bedside.monitor.stream.causes import likely
from bedside.monitor.stream.detecting import Detectors
from bedside.monitor.stream.tally import Tally
from bedside.monitor.stream.tally_bytes import tally_from_bytes
from bedside.monitor.stream.tally_maker import TallyMaker
from bedside.monitor.stream.units_seen import conversions
from bedside.monitor.stream.watching import day_text, watch_days

__all__ = ["DayJudge", "Told", "kept_tallies"]

_DAY = 86_400.0  # seconds
_AGAIN = 7  # days after which what was raised is looked into again: it may have become graver


def kept_tallies(
    platform: Platform,
    version: str,
    maker: TallyMaker,
    *,
    since: str | None = None,
    until: str | None = None,
) -> Iterator[Tally]:
    """The tallies that are kept of a version, oldest first; `until` is the day after the last."""
    for _, content in platform.watch_book.tallies(version, since=since, until=until):
        yield tally_from_bytes(maker, content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was raised last.

    Args:
        findings: Stream and side of each.
        day: Days since 1970-01-01; -1: nothing was raised.
    """

    findings: frozenset[tuple[str, str]] = frozenset()
    day: int = -1


@dataclass(slots=True, kw_only=True)
class DayJudge:
    """Judges the days of one version.

    Args:
        platform: The workspace.
        version: Which version.
        maker: By its baseline.
        declared: The budget of false alarms, whom alarms are for, and what signals are.
        after: Days up to this one move no detector; None: every day does.
        told: What was raised last: the same is looked into once a week.
        raised: Alarms that were raised now.
        grown: Alarms that grew now.
    """

    platform: Platform
    version: ModelVersion
    maker: TallyMaker
    declared: Declaration
    after: str | None = None
    told: Told = field(default_factory=Told)
    raised: dict[str, None] = field(default_factory=dict)
    grown: dict[str, None] = field(default_factory=dict)

    @property
    def watch(self) -> Watch:
        """As it is declared."""
        return self.declared.monitoring.watch

    def judge(
        self,
        detectors: Detectors | None,
        tallies: Sequence[Tally],
        *,
        quiet_to: str | None,
        is_last: bool,
    ) -> Detectors:
        """Advance the detectors, and raise what is over its bar.

        Args:
            detectors: After the day before the first of these; None: fresh ones.
            tallies: Of the days, in order.
            quiet_to: Up to this day nothing is raised: it was judged before.
            is_last: Whether these are the last days that there are; then what is over its bar
                after them is raised, also where no day is new.

        Returns:
            The detectors after these days.
        """
        begin = -1 if self.after is None else day_number(self.after)
        moving = [one for one in tallies if one.day > begin]
        seen = watch_days(self.maker.baseline, self.watch, detectors, moving)
        quiet = -1 if quiet_to is None else day_number(quiet_to)
        for day, found in seen.by_day:
            if day > quiet:
                self._look_into(day, found, [one for one in tallies if one.day <= day])
        if is_last:
            self._look_into(max(seen.detectors.day, self.told.day), seen.findings, tallies)
        return seen.detectors

    def walked(self, until: str, resets: Sequence[tuple[str, tuple[str, ...]]]) -> Detectors | None:
        """The detectors before a day, from the tallies that are kept.

        Args:
            until: The day.
            resets: Which streams started anew, each after which day.
        """
        left = sorted(resets)
        now: Detectors | None = None
        since = None if self.after is None else day_text(day_number(self.after) + 1)
        for tally in kept_tallies(
            self.platform, self.version.id, self.maker, since=since, until=until
        ):
            due = frozenset(
                name for day, streams in left if day_number(day) < tally.day for name in streams
            )
            left = [one for one in left if day_number(one[0]) >= tally.day]
            now = self.restarted(now, due, [tally])
        return self.restarted(now, frozenset(name for _, some in left for name in some), [])

    def restarted(
        self, detectors: Detectors | None, streams: frozenset[str], tallies: Sequence[Tally] = ()
    ) -> Detectors:
        """The detectors with these streams started anew, and then advanced; nothing is raised."""
        baseline = self.maker.baseline
        return watch_days(baseline, self.watch, detectors, tallies, resolved=streams).detectors

    def _look_into(self, day: int, findings: Sequence[Finding], fresh: Sequence[Tally]) -> None:
        """Raise what is over its bar where some of it is new, else once a week."""
        what = frozenset((one.stream, one.side) for one in findings)
        if what and (not what <= self.told.findings or day >= self.told.day + _AGAIN):
            self._raise(findings, fresh)
            self.told = Told(findings=what, day=day)
        else:
            self.told = Told(findings=what, day=self.told.day)

    def _raise(self, findings: Sequence[Finding], fresh: Sequence[Tally]) -> None:
        """Raise or grow an alarm for each likely cause of these findings."""
        window = int(parse_duration(self.watch.window).total_seconds() // _DAY)
        onset = min(date.fromisoformat(one.since) for one in findings)
        since = (onset - timedelta(days=window)).isoformat()
        first = min((one.day for one in fresh), default=None)
        kept = [
            one
            for one in kept_tallies(self.platform, self.version.id, self.maker, since=since)
            if first is None or one.day < first
        ]
        drafts = likely(
            self.maker.baseline,
            findings,
            [*kept, *fresh],
            units={
                name: conversions(one.unit, signal=name, codes=one.codes)
                for name, one in self.declared.signals.items()
            },
            titles={name: one.label for name, one in self.declared.signals.items()},
        )
        before = {one.id: len(one.steps) for one in self.platform.alarms.all(self.version.name)}
        for alarm in raise_alarms(self.platform, self.version, drafts, owner=self.watch.owner):
            if alarm.id not in before:
                self.raised[alarm.id] = None
            elif len(alarm.steps) > before[alarm.id] and alarm.id not in self.raised:
                self.grown[alarm.id] = None
