"""Whatever people do with the versions of a model, and in which order, patients stay safe."""

import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bedside.core.errors import Refused
from bedside.core.ids import digest_bytes
from bedside.core.records.rollout import Canary
from bedside.core.records.version import SHOWN, Approval, GateResult, ModelVersion, Stage
from bedside.infra.database.opening import open_database, writing
from bedside.registry.adapters.sql_registry import SqlRegistry
from bedside.registry.life import SERVED

BUILDS = range(4)
STEPS = st.sampled_from([Stage.SILENT, Stage.CANARY, Stage.LIVE, Stage.RETIRED])
which = st.sampled_from(BUILDS)


def a_version(build: int) -> ModelVersion:
    bundle = digest_bytes(str(build).encode())
    gate = GateResult(metric="auroc", passed=build != 3, text="0.99")  # the last failed its gate
    return ModelVersion(
        id=f"biopsy@{bundle[:12]}", name="biopsy", bundle=bundle, stage=Stage.BUILT,
        built_at="2026-01-31T08:00:00.000000Z", gates=(gate,),
    )  # fmt: skip


class VersionLife(RuleBasedStateMachine):
    """People approve, release and roll back in any order; a plain list keeps what they said."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        engine = open_database(Path(self.folder.name) / "r.sqlite")
        self.registry = SqlRegistry(engine, writing=writing)
        for build in BUILDS:
            self.registry.add(a_version(build))
        self.said: dict[str, set[Stage]] = {a_version(build).id: set() for build in BUILDS}
        self.entered: dict[str, bool] = {}
        self.revision = self.registry.revision()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def _stages(self) -> dict[str, Stage]:
        return {one.id: one.stage for one in self.registry.versions()}

    def _forget_what_moved(self, before: dict[str, Stage]) -> None:
        """A yes counts until the version moves; who came into sight had one, or came back."""
        for version, stage in self._stages().items():
            if stage is not before[version]:
                self.entered[version] = stage in self.said[version] or (
                    before[version] is Stage.SUPERSEDED and stage is Stage.LIVE
                )
                self.said[version] = set()

    @rule(build=which, step=st.sampled_from([Stage.SILENT, *SHOWN]))
    def approve(self, build: int, step: Stage) -> None:
        version = a_version(build)
        yes = Approval(
            version=version.id, name="M. Curie", actor="user:curie", meaning="fit",
            approved_at="2026-02-01T08:00:00.000000Z", step=step, evidence="e" * 64,
        )  # fmt: skip
        before = self._stages()
        try:
            self.registry.record_approval(yes)
        except Refused:
            return
        self._forget_what_moved(before)
        self.said[version.id].add(step)

    @rule(build=which, step=st.sampled_from(SHOWN))
    def approve_another_bundle(self, build: int, step: Stage) -> None:
        version = a_version(build)
        yes = Approval(
            version=version.id, name="M", actor="m", meaning="fit", approved_at="2026",
            step=step, bundle="f" * 64, evidence="e" * 64,
        )  # fmt: skip
        try:
            self.registry.record_approval(yes)
        except Refused:
            return
        raise AssertionError("a yes to another bundle was taken")

    @rule(build=which, stage=STEPS, share=st.floats(0, 1))
    def release(self, build: int, stage: Stage, share: float) -> None:
        before = self._stages()
        try:
            self.registry.move(a_version(build).id, stage, canary=Canary(share=share))
        except Refused:
            assert self._stages() == before
            return
        self._forget_what_moved(before)

    @rule(build=which)
    def roll_back(self, build: int) -> None:
        before, version = self._stages(), a_version(build).id
        try:
            changed = self.registry.rollback(version)
        except Refused:
            assert before[version] not in SHOWN
            assert self._stages() == before
            return
        assert self._stages()[version] is Stage.SILENT
        assert {one.id: one.stage for one in changed}.items() <= self._stages().items()
        self._forget_what_moved(before)

    @invariant()
    def never_two_live_nor_two_in_canary_nor_two_waiting(self) -> None:
        if hasattr(self, "registry"):
            stages = list(self._stages().values())
            assert all(stages.count(one) <= 1 for one in (*SHOWN, Stage.SUPERSEDED))

    @invariant()
    def nobody_sees_what_was_not_approved_for_it(self) -> None:
        if hasattr(self, "registry"):
            for version in self.registry.versions():
                if version.stage in SHOWN:
                    assert self.entered[version.id]
                    assert version.approval is not None
                    assert version.gates_passed

    @invariant()
    def servers_are_told_what_the_stages_say(self) -> None:
        if hasattr(self, "registry"):
            told = {one.version: one.stage for one in self.registry.releases()}
            served = {one: stage for one, stage in self._stages().items() if stage in SERVED}
            assert told == served
            for one in self.registry.releases():
                assert (one.canary is not None) == (one.stage is Stage.CANARY)

    @invariant()
    def the_revision_never_goes_back(self) -> None:
        if hasattr(self, "registry"):
            now = self.registry.revision()
            assert now >= self.revision
            self.revision = now


VersionLife.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestVersionLife = VersionLife.TestCase


def test_the_machine_would_see_a_second_live_version() -> None:
    machine = VersionLife()
    machine.begin()
    first, second = a_version(0), a_version(1)
    seen = [replace(one, stage=Stage.LIVE) for one in (first, second)]
    machine.registry.versions = lambda name=None: seen  # type: ignore[method-assign]
    try:
        machine.never_two_live_nor_two_in_canary_nor_two_waiting()
    except AssertionError:
        return
    finally:
        machine.teardown()
    raise AssertionError("two live versions were not seen")
