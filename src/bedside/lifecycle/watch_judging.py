"""What counted days say: detectors advanced day by day, and alarms raised of what they find."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from bedside.core.clock import day_number, day_text, days_of
from bedside.core.records.declaration import Declaration
from bedside.core.records.version import ModelVersion
from bedside.core.records.watch import Finding, Watch
from bedside.lifecycle.alarms import raise_alarms
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.where_seen import WhereSeen
from bedside.monitor.causes.causes import likely
from bedside.monitor.causes.units_seen import conversions
from bedside.monitor.detectors.detecting import Detectors
from bedside.monitor.detectors.volume import DayCount, Volume, watch_volume
from bedside.monitor.detectors.watching import watch_days
from bedside.monitor.stream.tally import Tally
from bedside.monitor.stream.tally_bytes import tally_from_bytes
from bedside.monitor.stream.tally_maker import TallyMaker

__all__ = ["DayJudge", "Told", "kept_tallies"]

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
        volume: How many questions came on the days that are over.
        in_stage: The day on which the version came to its present stage. An earlier day without a
            question says nothing: the version may have been out of use.
        where: What finds the places of an alarm; None: nobody asks.
        raised: Alarms that were raised now.
        grown: Alarms that grew now.
        reopened: Alarms that had recovered and came back now.
    """

    platform: Platform
    version: ModelVersion
    maker: TallyMaker
    declared: Declaration
    after: str | None = None
    told: Told = field(default_factory=Told)
    volume: Volume = field(default_factory=Volume)
    in_stage: int = -1
    where: WhereSeen | None = None
    raised: dict[str, None] = field(default_factory=dict)
    grown: dict[str, None] = field(default_factory=dict)
    reopened: dict[str, None] = field(default_factory=dict)

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
        volumes, standing = self._volumes(tallies)
        by_day = dict(seen.by_day)
        for day, found in volumes.items():
            by_day[day] = (*by_day.get(day, ()), *found)
        quiet = -1 if quiet_to is None else day_number(quiet_to)
        for day, found in sorted(by_day.items()):
            if day > quiet:
                self._look_into(day, found, [one for one in tallies if one.day <= day])
        if is_last:
            findings = (*seen.findings, *standing)
            self._look_into(max(seen.detectors.day, self.told.day), findings, tallies)
        return seen.detectors

    def _volumes(
        self, tallies: Sequence[Tally]
    ) -> tuple[dict[int, tuple[Finding, ...]], tuple[Finding, ...]]:
        """What the volume of these days shows, by day, and what stands after them.

        A day that is not over is left out, and judged once it is.
        """
        today = self.platform.clock.now().date().isoformat()
        days = [*self._passed_over(tallies), *tallies]
        self.volume, by_day, standing = self._counted(
            self.volume, [one for one in days if one.day < day_number(today)]
        )
        return dict(by_day), standing

    def _passed_over(self, tallies: Sequence[Tally]) -> Iterator[Tally]:
        """Days before these whose volume was not judged: they were not over when counted."""
        since = self.volume.day + 1
        if not tallies or tallies[0].day > since:
            until = day_text(tallies[0].day) if tallies else None
            yield from kept_tallies(
                self.platform, self.version.id, self.maker, since=day_text(since), until=until
            )

    def _counted(
        self, volume: Volume, tallies: Sequence[Tally]
    ) -> tuple[Volume, tuple[tuple[int, tuple[Finding, ...]], ...], tuple[Finding, ...]]:
        days = [
            DayCount(one.day, one.answers, one.subjects)
            for one in tallies
            if one.answers or one.day >= self.in_stage
        ]
        return watch_volume(
            self.maker.baseline,
            self.watch,
            volume,
            days,
            learn=-1 if self.after is None else day_number(self.after),
        )

    def walked(self, until: str, resets: Sequence[tuple[str, tuple[str, ...]]]) -> Detectors | None:
        """The detectors before a day, from the tallies that are kept; and the volume.

        Args:
            until: The day.
            resets: Which streams started anew, each after which day.
        """
        left = sorted(resets)
        now: Detectors | None = None
        volume = Volume()
        begin = -1 if self.after is None else day_number(self.after)
        for tally in kept_tallies(self.platform, self.version.id, self.maker, until=until):
            due = frozenset(
                name for day, streams in left if day_number(day) < tally.day for name in streams
            )
            left = [one for one in left if day_number(one[0]) >= tally.day]
            now = self.restarted(now, due, [tally] if tally.day > begin else [])
            volume, _, _ = self._counted(volume.restarted(due), [tally])
        due = frozenset(name for _, some in left for name in some)
        self.volume = volume.restarted(due)
        return self.restarted(now, due, [])

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
        window = int(days_of(self.watch.window))
        onset = min(date.fromisoformat(one.since) for one in findings)
        since = (onset - timedelta(days=window)).isoformat()
        first = min((one.day for one in fresh), default=None)
        kept = [
            one
            for one in kept_tallies(self.platform, self.version.id, self.maker, since=since)
            if first is None or one.day < first
        ]
        tallies = [*kept, *fresh]
        drafts = likely(
            self.maker.baseline,
            findings,
            tallies,
            units={
                name: conversions(one.unit, signal=name, codes=one.codes)
                for name, one in self.declared.signals.items()
            },
            titles={name: one.label for name, one in self.declared.signals.items()},
            codes={name: one.codes for name, one in self.declared.signals.items()},
        )
        if self.where is not None and tallies:
            drafts = self.where.told(drafts, tallies[-1].day)
        before = {one.id: len(one.steps) for one in self.platform.alarms.all(self.version.name)}
        told = raise_alarms(
            self.platform, self.version, drafts,
            owner=self.watch.owner, recovery=self.watch.recovery,
        )  # fmt: skip
        for alarm in told:
            if alarm.id not in before:
                self.raised[alarm.id] = None
            elif alarm.steps[-1].kind == "reopened" and len(alarm.steps) > before[alarm.id]:
                self.reopened[alarm.id] = None
            elif len(alarm.steps) > before[alarm.id] and alarm.id not in self.raised:
                self.grown[alarm.id] = None
