"""Releases that change while a server runs."""

import asyncio
from dataclasses import replace
from typing import Any

from bedside.core.errors import Refused
from bedside.core.records.answer import Abstention, AbstentionReason, Score
from bedside.core.records.rollout import Canary, Release
from bedside.core.records.version import Stage
from bedside.serve.reload import Loader, Reloader
from bedside.serve.service import Service
from served import Served, a_patient, a_served_model, asked

FIRST, SECOND = "sepsis@000000000001", "sepsis@000000000002"


class Registered:
    """What a registry says of its releases, and how often each of them was loaded."""

    def __init__(self, **stages: Stage) -> None:
        self.number, self.loads, self.broken = 0, list[str](), set[str]()
        self.suspended: set[str] = set()
        self.stages = stages
        self.served: dict[str, Served] = {}
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.loader = Loader(self.load)
        models = self.loader.models(self.releases(), {})
        self.service = Service(models)
        self.reloader = Reloader(
            self,  # type: ignore[arg-type]
            self.loader,
            self.service.swap,
            before=models,
            revision=self.number,
            record=lambda action, details: self.told.append((action, details)),
            every=0.01,
        )

    def move(self, **stages: Stage) -> None:
        self.stages |= stages
        self.number += 1

    def revision(self) -> int:
        return self.number

    def releases(self) -> list[Release]:
        ids = {"first": FIRST, "second": SECOND}
        return [
            Release(
                number=number,
                version=ids[name],
                name="sepsis",
                bundle="ab" * 32,
                stage=stage,
                canary=Canary(share=1.0) if stage is Stage.CANARY else None,
                suspended=ids[name] in self.suspended,
            )
            for number, (name, stage) in enumerate(self.stages.items())
            if stage is not Stage.RETIRED
        ]

    def load(self, release: Release) -> Any:
        self.loads.append(release.version)
        if release.version in self.broken:
            raise Refused("A byte was changed.", fix="build again.", code="bundle_tampered")
        self.served[release.version] = a_served_model(stage=release.stage, version=release.version)
        return self.served[release.version].answerer

    def suspend(self, *versions: str) -> None:
        self.suspended = set(versions)
        self.number += 1

    def outcome(self) -> Any:
        model = self.service.model("sepsis")
        return asyncio.run(self.service.answer(model, asked(a_patient(), subject=7))).outcome

    def answers(self) -> tuple[str, str]:
        model = self.service.model("sepsis")
        answer = asyncio.run(self.service.answer(model, asked(a_patient(), subject=7)))
        return answer.version, answer.stage


def test_a_new_live_version_takes_over_and_a_rollback_needs_no_loading():
    here = Registered(first=Stage.LIVE)
    began = here.answers()
    here.move(first=Stage.SUPERSEDED, second=Stage.LIVE)
    assert here.reloader.look()
    then = here.answers()
    loads = list(here.loads)

    here.move(first=Stage.LIVE, second=Stage.SILENT)
    here.reloader.look()

    assert (began, then) == ((FIRST, "live"), (SECOND, "live"))
    assert here.answers() == (FIRST, "live")
    assert here.loads == loads == [FIRST, SECOND]


def test_nothing_is_loaded_while_nothing_changes():
    here = Registered(first=Stage.LIVE)

    assert not here.reloader.look()
    assert here.told == []


def test_a_version_that_does_not_load_leaves_the_one_before_and_is_told_once():
    here = Registered(first=Stage.LIVE)
    here.broken.add(SECOND)
    here.move(first=Stage.SUPERSEDED, second=Stage.LIVE)

    here.reloader.look()
    here.move()
    here.reloader.look()

    assert here.answers() == (FIRST, "live")
    failures = [details for action, details in here.told if action == "reload.failed"]
    assert failures == [{"version": SECOND, "code": "bundle_tampered"}]


def test_a_version_that_loads_at_the_second_look_is_served_then():
    here = Registered(first=Stage.LIVE)
    here.broken.add(SECOND)
    here.move(first=Stage.SUPERSEDED, second=Stage.LIVE)
    here.reloader.look()
    here.broken.clear()
    here.move()

    here.reloader.look()

    assert here.answers() == (SECOND, "live")


def test_a_version_in_canary_is_seen_by_its_share_and_a_retired_model_is_gone():
    here = Registered(first=Stage.LIVE)
    here.move(second=Stage.CANARY)
    here.reloader.look()
    canary = here.answers()

    here.move(first=Stage.RETIRED, second=Stage.RETIRED)
    here.reloader.look()

    assert canary == (SECOND, "canary")
    assert here.service.models == {}
    assert not here.service.is_ready()


def test_what_is_under_way_ends_with_the_version_it_began_with():
    here = Registered(first=Stage.LIVE)
    model = here.service.model("sepsis")
    here.move(first=Stage.SUPERSEDED, second=Stage.LIVE)
    here.reloader.look()

    answer = asyncio.run(here.service.answer(model, asked(a_patient())))

    assert answer.version == FIRST
    assert [entry.details["version"] for entry, _ in here.served[FIRST].ledger.kept] == [FIRST]


def test_a_running_reloader_follows_by_itself_and_ends():
    here = Registered(first=Stage.LIVE)
    here.reloader.start()
    here.move(first=Stage.SUPERSEDED, second=Stage.LIVE)

    for _ in range(500):
        if here.answers()[0] == SECOND:
            break
    here.reloader.close()

    assert here.answers() == (SECOND, "live")


def test_the_loader_forgets_what_is_no_longer_released():
    here = Registered(first=Stage.LIVE)
    gone = [replace(one, version=SECOND) for one in here.releases()]
    here.loader.models(gone, {})

    here.loader.models(here.releases(), {})

    assert here.loads == [FIRST, SECOND, FIRST]


def test_a_suspended_version_abstains_at_once_and_scores_again_when_it_is_lifted():
    here = Registered(first=Stage.LIVE)
    here.suspend(FIRST)
    here.reloader.look()
    while_suspended = here.outcome()

    here.suspend()
    here.reloader.look()

    assert isinstance(while_suspended, Abstention)
    assert while_suspended.reason is AbstentionReason.SUSPENDED
    assert isinstance(here.outcome(), Score)
    assert here.loads == [FIRST]
    assert here.told[0][1]["suspended"] == [FIRST]


def test_a_suspension_counts_although_another_version_does_not_load():
    here = Registered(first=Stage.LIVE)
    here.broken = {SECOND}
    here.suspend(FIRST)
    here.move(second=Stage.SILENT)

    here.reloader.look()

    assert isinstance(here.outcome(), Abstention)


def test_one_version_is_suspended_and_the_one_that_is_shown_to_the_canary_is_not():
    here = Registered(first=Stage.LIVE, second=Stage.CANARY)
    here.suspend(FIRST)

    here.reloader.look()

    assert here.answers() == (SECOND, "canary")
    assert isinstance(here.outcome(), Score)
