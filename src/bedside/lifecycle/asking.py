"""From a declaration to the rows that are asked about: collect, prepare, ask, and the flow."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from bedside.cohorts.question import Cohort, ask, columns_of, where_of
from bedside.cohorts.splits import assign
from bedside.core.clock import parse_instant
from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json
from bedside.core.records.declaration import Declaration
from bedside.core.records.event import EVENT_COLUMNS
from bedside.core.records.flow import FlowStep
from bedside.core.records.policy import Act, Resource
from bedside.core.records.snapshot import Zone
from bedside.data.store.snapshot import Snapshot
from bedside.interop.declaration import declaration_to_json
from bedside.lifecycle.cohort import codes_read, group_codes, levels_of, texts_of
from bedside.lifecycle.consents import Asked, LeftOut, consented, left_out
from bedside.lifecycle.frames import frame_bytes, frame_of
from bedside.lifecycle.intake import Intake, intake_of
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.steps import Done, StepRunner

__all__ = ["Asking", "flow_of", "steps_of"]


def steps_of(platform: Platform, index: Path) -> StepRunner:
    """The steps of a verb, with their index in this folder."""
    return StepRunner(
        folder=index,
        objects=platform.objects,
        write=platform.write,
        progress=platform.progress,
        code=platform.code,
    )


def flow_of(
    platform: Platform, declaration: Declaration, data: Path | None
) -> tuple[pl.DataFrame, tuple[FlowStep, ...]]:
    """Answer a model's question alone: every row with its side and label, and the flow.

    Raises:
        NotFound, Invalid, Refused, Unavailable: as a build would.
    """
    with platform.lock():
        intake = intake_of(platform, declaration, data)
        asking = Asking(
            platform=platform,
            declaration=declaration,
            intake=intake,
            steps=steps_of(platform, platform.folder / "steps"),
        )
        asked = asking.ask(asking.prepare(asking.collect()))
        return frame_of(asking.steps.read(asked, "cohort")), asking.flow(asked)


@dataclass(frozen=True, kw_only=True)
class Asking:
    """The first steps of a build, and the door to the patients' data.

    `act` is what is done with them. `consent` says as of when and for which purpose patients are
    asked, where that is not now and the actor's.
    """

    platform: Platform
    declaration: Declaration
    intake: Intake
    steps: StepRunner
    act: Act = Act.DEVELOP
    consent: Asked | None = None
    told: dict[str, Any] = field(init=False)
    asked: dict[str, Asked] = field(init=False, default_factory=dict)
    left: dict[str, LeftOut] = field(init=False, default_factory=dict)
    merged: list[tuple[int, int]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        object.__setattr__(self, "told", json.loads(declaration_to_json(self.declaration)))

    def collect(self) -> Done:
        """The collected events, and what became of the rows.

        Raises:
            Refused: the policies do not permit this to the actor (code `not_allowed`).
        """
        data = self.declaration.data
        zone, codes = Zone.of(data.release_mode), codes_read(self.declaration)
        resource = Resource(name=data.source or self.declaration.name, zone=zone, columns=codes)
        self.asked["now"] = consented(self.platform, self.act, resource)
        done = self.steps.run("collect", self.intake.inputs(), lambda _: self.intake.collect())
        digest = self.steps.read(done, "snapshot").decode()
        self.merged.extend(self.intake.collected(digest).manifest.merged)
        return done

    def prepare(self, collected: Done) -> Done:
        """The clean events, and what was set aside."""

        def make(_: Callable[[int], None]) -> dict[str, bytes]:
            digest = self.steps.read(collected, "snapshot").decode()
            return self.intake.prepare(self.intake.collected(digest))

        inputs = {"events": collected.outputs["snapshot"], "signals": self.told["signals"]}
        return self.steps.run("prepare", inputs, make)

    def prepared(self, done: Done) -> Snapshot:
        """The clean events themselves."""
        digest = self.steps.read(done, "snapshot").decode()
        return self.platform.store.open(f"{self.declaration.name}/prepared@{digest}")

    def ask(self, prepared: Done) -> Done:
        """Every row with its side (`cohort`), those with a side (`asked`), and the `flow`."""
        evaluation = self.told["evaluation"]
        left = self.left_out(self.prepared(prepared)).digest
        return self.steps.run(
            "question",
            {
                **({} if left is None else {"consent": left}),
                "events": prepared.outputs["snapshot"],
                "question": self.told["question"],
                "split": evaluation["split"],
                "subgroups": evaluation["subgroups"],
                "signals": self.told["signals"],
            },
            lambda _: self._asked(self.prepared(prepared)),
        )

    def flow(self, asked: Done) -> tuple[FlowStep, ...]:
        """The flow again."""
        return tuple(FlowStep(**step) for step in json.loads(self.steps.read(asked, "flow")))

    def group_events(self, snapshot: Snapshot) -> pl.DataFrame:
        """The events that say to which subgroup a subject belongs."""
        told = pl.col("code").is_in(group_codes(self.declaration))
        return pl.concat(list(snapshot.shards(EVENT_COLUMNS, told)))

    def answered(self, snapshot: Snapshot) -> Cohort:
        """Every row that the question asks about, with or without a known label, and the flow."""
        question = self.declaration.question
        groups = levels_of(self.declaration, self.group_events(snapshot))
        shards = snapshot.shards(columns_of(question), where_of(question))
        cohort = ask(question, shards, data_end=self._data_end(snapshot), groups=groups)
        left = self.left_out(snapshot)
        if left.digest is None:
            return cohort
        rows = cohort.rows.filter(left.keeps())
        return replace(cohort, rows=rows, flow=(*cohort.flow, left.step(rows, groups)))

    def left_out(self, snapshot: Snapshot) -> LeftOut:
        """Who is left out because of what they permit or refuse."""
        found = self.left.get(snapshot.digest)
        if found is None:
            asked = self.consent or self.asked["now"]
            found = left_out(self.platform, snapshot, self.act, asked, merged=self.merged)
            self.left[snapshot.digest] = found
        return found

    def _asked(self, snapshot: Snapshot) -> dict[str, bytes]:
        cohort = self.answered(snapshot)
        split = self.declaration.evaluation.split
        site, group = (
            None if name is None else texts_of(self.declaration, name, snapshot)
            for name in (split.site, split.group)
        )
        rows = assign(
            cohort.rows,
            split,
            site=site,
            group=group,
            outcome=self.declaration.question.outcome,
        )
        if rows["side"].null_count() == rows.height:
            raise Invalid(
                "Nobody is left to learn from.",
                fix="see where they are lost: bedside question flow.",
                code="nobody_asked",
            )
        return {
            "cohort": frame_bytes(rows),
            "asked": frame_bytes(rows.filter(pl.col("side").is_not_null())),
            "flow": canonical_json([asdict(step) for step in cohort.flow]),
        }

    def _data_end(self, snapshot: Snapshot) -> datetime | None:
        """When the data end: as declared, or the last moment at which something became known."""
        declared = self.declaration.question.data_end
        if declared is not None:
            return parse_instant(declared)
        latest = [shard["known_at"].max() for shard in snapshot.shards(["known_at"])]
        known = [moment for moment in latest if isinstance(moment, datetime)]
        return max(known, default=None)
