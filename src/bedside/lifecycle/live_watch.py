"""Watching the answers of a version in use: each day counted once, judged, and told.

A run reads what came since the last one and counts every day that is over. It may be killed
anywhere: what it had not kept is counted again, and an alarm that was raised is not raised twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

from bedside.core.clock import day_number, iso, parse_duration
from bedside.core.errors import Refused
from bedside.core.ports.watch import WatchedSubject, WatchRun
from bedside.core.records.bundle import Bundle
from bedside.core.records.policy import Act, Resource
from bedside.core.records.version import ModelVersion
from bedside.core.records.watch import Alarm
from bedside.lifecycle.alarm_recovery import recover_alarms
from bedside.lifecycle.alarms import resolved_streams
from bedside.lifecycle.baselines import baseline_of
from bedside.lifecycle.door import enter
from bedside.lifecycle.hazards import version_in_use
from bedside.lifecycle.live_page import write_live_page
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.responding import Bring, Done, respond, respond_on_schedule
from bedside.lifecycle.watch_counting import DayCounter
from bedside.lifecycle.watch_coverage import Coverage, coverage_of, due_after
from bedside.lifecycle.watch_judging import DayJudge, Told, kept_tallies
from bedside.lifecycle.watch_state import Outstanding, Progress, came_since
from bedside.lifecycle.watched_answers import day_of
from bedside.lifecycle.where_seen import WhereSeen
from bedside.monitor.stream.tally import Tally
from bedside.monitor.stream.tally_bytes import tally_to_bytes

__all__ = ["Watched", "watch_live"]

_DAYS_AT_ONCE = 28  # kept in one commit
_ROWS_AT_ONCE = 50_000  # answers kept in one commit, and the day that goes beyond
_JUDGED = ("discrimination", "calibration")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What a run of the monitor did, and what it cannot know yet.

    Args:
        model: The model's name.
        version: The version's id.
        stage: Where the version is.
        at: When the run began (ISO 8601).
        baseline: What the baseline was made from, in words.
        days: How many days this run counted.
        first: The first of them (ISO date); None: there was none.
        through: The last day that is counted; None: none ever was.
        again: Why days were counted once more, in plain words.
        answers: How many answers this run counted.
        waiting: Answers of today, which is not over.
        ahead: Answers stamped with a day that has not come: a clock is wrong. They count on
            their day.
        corrected: Outcomes that were told otherwise than before, among those of these days.
        coverage: How many of the predictions of the last week can be judged.
        raised: Alarms that this run raised.
        grown: Alarms that grew.
        recovered: Alarms whose every stream is back; those that need no person are closed.
        reopened: Alarms that had recovered, and came back.
        alarms: Every alarm of the version that is not resolved.
        unknown: What cannot be known yet, in plain words.
        unwatched: What the baseline does not tell, so that nobody watches it, and why.
        next_due: When it should run next (ISO 8601).
        done: What was done about alarms now, as the declaration says.
        page: Where the page about it lies; the same as JSON lies beside it.
    """

    model: str
    version: str
    stage: str
    at: str
    baseline: str
    days: int
    first: str | None
    through: str | None
    again: tuple[str, ...]
    answers: int
    waiting: int
    ahead: int
    corrected: int
    coverage: Coverage
    raised: tuple[str, ...]
    grown: tuple[str, ...]
    recovered: tuple[str, ...]
    reopened: tuple[str, ...]
    alarms: tuple[Alarm, ...]
    unknown: tuple[str, ...]
    unwatched: tuple[str, ...]
    next_due: str
    done: tuple[Done, ...] = ()
    page: str = ""


def watch_live(
    platform: Platform,
    reference: str,
    *,
    anew: bool = False,
    today: bool = False,
    data: Path | Bring | None = None,
) -> Watched:
    """Count the days that are over since the last run, judge them, and raise alarms.

    Args:
        platform: The workspace.
        reference: A version, or a model's name: its version that is furthest in use.
        anew: Drop what was counted, and count every day again; alarms stay as they are.
        today: Count today too, though it is not over; what still comes of it brings the next run
            back to it.
        data: Where a new version learns, of a model that learns from files; see `respond`.

    Raises:
        NotFound: there is no such model.
        Refused: the version has no baseline (code `no_baseline`), or a bundle, a tally or a sealed
            answer is not as it was written.
        Unavailable: another process works on this workspace.
    """
    enter(platform, Act.MONITOR, Resource(name=reference))
    version = version_in_use(platform, reference)
    bundle = open_bundle(platform, version)
    with platform.lock():
        run = _Run.of(platform, version, bundle, anew=anew)
        run.count(today=today)
        run.recover()
        watched = run.told()
        platform.ledger.append(platform.actor, "monitor.live", _for_the_ledger(watched))
    done = respond(platform, version, watched.alarms, data=data) if watched.alarms else []
    scheduled = respond_on_schedule(platform, version, data=data)
    done += [] if scheduled is None else [scheduled]
    if done:
        watched = replace(watched, done=tuple(done), alarms=_open_alarms(platform, version))
    page = write_live_page(platform, version, bundle.declaration, run.counter.maker, watched)
    return replace(watched, page=str(page))


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run of the monitor of a version, under the lock of the workspace."""

    platform: Platform
    version: ModelVersion
    bundle: Bundle
    began: str
    counter: DayCounter
    judge: DayJudge
    progress: Progress
    came: Outstanding
    recovered: list[Alarm] = field(default_factory=list)
    days: list[str] = field(default_factory=list)
    answers: int = 0
    corrected: int = 0

    @classmethod
    def of(cls, platform: Platform, version: ModelVersion, bundle: Bundle, *, anew: bool) -> "_Run":
        """Read where the last run ended, and what came since."""
        baseline = baseline_of(platform, version, bundle)
        began = iso(platform.clock.now())
        before = _last_run(platform, version.id, anew=anew)
        progress = Progress.of(before, baseline.digest, anew=anew)
        if before is not None and progress.through is None:
            platform.watch_book.forget(version.id)  # tallies by another baseline cannot be added
            before = None
        counter = DayCounter.of(platform, version.id, bundle, baseline)
        judge = DayJudge(
            platform=platform,
            version=version,
            maker=counter.maker,
            declared=bundle.declaration,
            after=progress.judges_after,
            told=Told(findings=frozenset(progress.told), day=progress.told_on),
            volume=progress.volume,
            in_stage=_stage_began(platform, version.id),
            where=WhereSeen(platform=platform, baseline=baseline, drawn=counter.drawn_on),
        )
        run = cls(
            platform=platform,
            version=version,
            bundle=bundle,
            began=began,
            counter=counter,
            judge=judge,
            progress=progress,
            came=came_since(platform, version.id, before, progress),
        )
        if before is not None:
            run._start_anew(before.at)
        return run

    def count(self, *, today: bool) -> None:
        """Count every day that is over and not counted, and keep how far that came."""
        self.progress.erasures = self.came.erasures
        if self.came.back_to is not None:
            self._go_back(self.came.back_to)
        days = self._days_to(_moved(day_of(self.began), 0 if today else -1))
        for some in self._parts(days):
            self._count(some, is_last=some[-1] == days[-1])
        if not days:
            self._judge((), is_last=True)
            self._keep({}, {}, {})

    def recover(self) -> None:
        """Mark the alarms whose every stream is back; after the counted days were kept."""
        maker, version = self.counter.maker, self.version
        self.recovered = recover_alarms(
            self.platform,
            version,
            maker.baseline,
            self.judge.watch.recovery,
            lambda since: kept_tallies(self.platform, version.id, maker, since=since),
        )

    def _count(self, days: Sequence[str], *, is_last: bool) -> None:
        """Count these days, raise what they show, and only then keep them."""
        tallies: dict[str, Tally] = {}
        entries: dict[str, bytes] = {}
        changed: dict[str, WatchedSubject] = {}
        for day in days:
            counted = self.counter.count(day, self.came.of(day))
            tallies[day] = counted.tally
            entries[day] = counted.entries.to_bytes()
            changed |= counted.changed
            self.answers += counted.tally.answers
            self.corrected += counted.tally.corrected
        self._judge(tuple(tallies.values()), is_last=is_last)
        self.progress.begun = self.progress.begun or days[0]
        self.progress.through = days[-1]
        self.progress.judged = max(days[-1], self.progress.judged or "")
        self.days.extend(days)
        self._keep(tallies, entries, changed)

    def _judge(self, tallies: Sequence[Tally], *, is_last: bool) -> None:
        self.progress.detectors = self.judge.judge(
            self.progress.detectors, tallies, quiet_to=self.progress.judged, is_last=is_last
        )
        self.progress.volume = self.judge.volume
        self.progress.told = sorted(self.judge.told.findings)
        self.progress.told_on = self.judge.told.day

    def _go_back(self, back_to: str) -> None:
        """Be as after the day before, durably, with everything since still to be counted."""
        begun = self.progress.begun
        if begun is None or back_to <= begun:
            self.progress.begun = self.progress.through = None
        else:
            self.progress.through = _moved(back_to, -1)
        self.progress.detectors = self.judge.walked(back_to, self.progress.resets)
        self.progress.volume = self.judge.volume
        self._keep({}, {}, {}, since=back_to)

    def _start_anew(self, since: str) -> None:
        """Let the streams of alarms that a person resolved since the last run start anew."""
        streams = resolved_streams(self.platform, self.version, since=since)
        through = self.progress.through
        if streams and through is not None:
            self.progress.detectors = self.judge.restarted(self.progress.detectors, streams)
            self.judge.volume = self.progress.volume = self.judge.volume.restarted(streams)
            self.progress.resets.append((through, tuple(sorted(streams))))

    def _days_to(self, last: str) -> list[str]:
        """Every day from the first that is not counted to this one."""
        through = self.progress.through
        first = self.came.first if through is None else _moved(through, 1)
        if first is None or first > last:
            return []
        length = (date.fromisoformat(last) - date.fromisoformat(first)).days
        return [_moved(first, days) for days in range(length + 1)]

    def _parts(self, days: Sequence[str]) -> Iterator[list[str]]:
        """The days in parts that are kept together."""
        some: list[str] = []
        rows = 0
        for day in days:
            some.append(day)
            rows += len(self.came.answers.get(day, ()))
            if len(some) == _DAYS_AT_ONCE or rows >= _ROWS_AT_ONCE:
                yield some
                some, rows = [], 0
        if some:
            yield some

    def _keep(
        self,
        tallies: Mapping[str, Tally],
        entries: Mapping[str, bytes],
        subjects: Mapping[str, WatchedSubject],
        *,
        since: str | None = None,
    ) -> None:
        self.progress.answers, self.progress.outcomes = self.came.left(self.progress.through)
        self.platform.watch_book.keep(
            WatchRun(
                version=self.version.id,
                at=self.began,
                answers=self.came.last_answer,
                notes=self.came.last_note,
                state=self.progress.to_bytes(),
            ),
            {day: tally_to_bytes(tally) for day, tally in tallies.items()},
            entries=entries,
            subjects=subjects,
            gone=self.came.gone if since is not None else (),
            since=since,
        )

    def told(self) -> Watched:
        """What the run did, and what is not known yet."""
        today, declared = day_of(self.began), self.bundle.declaration
        coverage = coverage_of(
            self.platform, self.version.id, self.progress.through, due_after(declared.question)
        )
        waits = [day for _, day in self.progress.answers]
        return Watched(
            model=self.version.name,
            version=self.version.id,
            stage=self.version.stage.value,
            at=self.began,
            baseline=self.counter.maker.baseline.made_from,
            days=len(self.days),
            first=self.days[0] if self.days else None,
            through=self.progress.through,
            again=self.came.why,
            answers=self.answers,
            waiting=sum(day <= today for day in waits),
            ahead=sum(day > today for day in waits),
            corrected=self.corrected,
            coverage=coverage,
            raised=tuple(self.judge.raised),
            grown=tuple(self.judge.grown),
            recovered=tuple(one.id for one in self.recovered),
            reopened=tuple(self.judge.reopened),
            alarms=_open_alarms(self.platform, self.version),
            unknown=tuple(self._unknown(coverage)),
            unwatched=self.counter.maker.baseline.unwatched,
            next_due=iso(
                self.platform.clock.now() + parse_duration(declared.monitoring.watch.every)
            ),
        )

    def _unknown(self, coverage: Coverage) -> Iterator[str]:
        """What cannot be known yet."""
        baseline = self.counter.maker.baseline
        if self.progress.through is None:
            yield "everything, for no day with answers is over"
        judged = [one for one in baseline.streams if one.family in _JUDGED]
        if judged and self.progress.through is not None and coverage.judged == 0:
            yield (
                "whether it still ranks patients and gives the right risks: no outcome of the last "
                "week has come"
            )


def _open_alarms(platform: Platform, version: ModelVersion) -> tuple[Alarm, ...]:
    every = platform.alarms.all(version.name, unresolved=True)
    return tuple(one for one in every if one.version == version.id)


def _stage_began(platform: Platform, version: str) -> int:
    """The day on which a version came to its present stage; -1: it was not kept, or is to come."""
    now = iso(platform.clock.now())
    for one in platform.registry.releases():
        if one.version == version and one.since is not None and one.since <= now:
            return day_number(day_of(one.since))
    return -1


def _last_run(platform: Platform, version: str, *, anew: bool) -> WatchRun | None:
    """The last run; when all is counted anew, one that cannot be read counts as none."""
    try:
        return platform.watch_book.run(version)
    except Refused as refused:
        if not anew or refused.code != "watch_damaged":
            raise
        platform.watch_book.forget(version)
        return None


def _moved(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def _for_the_ledger(watched: Watched) -> dict[str, object]:
    """What the ledger tells of a run: no count of patients."""
    return {
        "version": watched.version,
        "through": watched.through,
        "days_count": watched.days,
        "again": list(watched.again),
        "raised": list(watched.raised),
        "grown": list(watched.grown),
        "recovered": list(watched.recovered),
        "reopened": list(watched.reopened),
    }
