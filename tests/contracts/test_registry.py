"""What every registry must do, whatever keeps the versions."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from bedside.core.clock import SystemClock, iso
from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import digest_bytes
from bedside.core.ports import Registry
from bedside.core.records.rollout import Canary
from bedside.core.records.version import Approval, GateResult, ModelVersion, Stage
from bedside.infra.database.opening import open_database, writing
from bedside.registry.adapters.sql_registry import SqlRegistry
from postgres_server import a_postgres_engine, a_postgres_url, drop_databases

_urls: dict[Path, str] = {}


def on_sqlite(folder: Path) -> Registry:
    return SqlRegistry(open_database(folder / "bedside.sqlite"), writing=writing)


def on_postgres(folder: Path) -> Registry:
    if folder not in _urls:
        _urls[folder] = a_postgres_url()
    return SqlRegistry(a_postgres_engine(_urls[folder]), writing=writing)


@pytest.fixture(autouse=True)
def databases_are_dropped_afterwards() -> Iterator[None]:
    yield
    _urls.clear()
    drop_databases()


REGISTRIES = [on_sqlite, on_postgres]  # add yours here
every_registry = pytest.mark.parametrize("opened", REGISTRIES)
Opened = Callable[[Path], Registry]


def a_version(of: str = "biopsy", *, build: int = 1, passed: bool = True) -> ModelVersion:
    bundle = digest_bytes(f"{of} {build}".encode())
    gate = GateResult(metric="auroc", passed=passed, text="0.99 is above 0.95")
    return ModelVersion(
        id=f"{of}@{bundle[:12]}",
        name=of,
        bundle=bundle,
        stage=Stage.BUILT,
        built_at="2026-01-31T08:00:00.000000Z",
        gates=(gate,),
    )


def an_approval(of: ModelVersion) -> Approval:
    return Approval(
        version=of.id,
        name="M. Curie",
        actor="user:curie",
        meaning="fit for silent use",
        approved_at="2026-02-01T08:00:00.000000Z",
        bundle=of.bundle,
    )


def approved(registry: Registry, version: ModelVersion) -> ModelVersion:
    registry.add(version)
    return registry.record_approval(an_approval(version))


def a_step_approval(of: ModelVersion, step: Stage) -> Approval:
    return replace(an_approval(of), step=step, meaning=f"fit for {step}", evidence="e" * 64)


def shown(registry: Registry, version: ModelVersion, step: Stage, **terms: Canary) -> ModelVersion:
    """The version in canary or live, approved for that step."""
    registry.record_approval(a_step_approval(version, step))
    return registry.move(version.id, step, **terms)


def stages(registry: Registry) -> list[Stage]:
    return [version.stage for version in registry.versions()]


@every_registry
def test_a_version_is_found_by_every_name_it_has(opened: Opened, tmp_path: Path) -> None:
    registry = opened(tmp_path)
    version = registry.add(a_version())

    names = [version.id, version.bundle, version.bundle[:6], version.id[:10], "biopsy",
             f"biopsy@{version.bundle[:20]}"]  # fmt: skip

    assert [registry.get(name) for name in names] == [version] * len(names)


@every_registry
def test_a_bare_model_name_means_its_newest_version(opened: Opened, tmp_path: Path) -> None:
    registry = opened(tmp_path)
    for version in (a_version(build=1), a_version(build=2), a_version("biopsy_small")):
        registry.add(version)

    newest = registry.get("biopsy")

    assert newest == a_version(build=2)
    assert registry.versions("biopsy") == [a_version(build=1), a_version(build=2)]
    assert len(registry.versions()) == 3


@every_registry
def test_a_beginning_that_fits_two_versions_is_refused_and_both_are_named(
    opened: Opened, tmp_path: Path
) -> None:
    registry = opened(tmp_path)
    one, two = registry.add(a_version(build=1)), registry.add(a_version(build=2))

    with pytest.raises(Invalid) as error:
        registry.get("biopsy@")

    assert one.id in error.value.fix
    assert two.id in error.value.fix


@every_registry
@pytest.mark.parametrize("reference", ["biopsi", "", "%", "biopsy@ffff_"])
def test_an_unknown_version_is_not_found_and_the_nearest_is_named(
    opened: Opened, tmp_path: Path, reference: str
) -> None:
    registry = opened(tmp_path)
    version = registry.add(a_version())

    with pytest.raises(NotFound) as error:
        registry.get(reference)

    assert version.id in error.value.fix


@every_registry
def test_an_empty_registry_says_what_to_do_first(opened: Opened, tmp_path: Path) -> None:
    registry = opened(tmp_path)

    with pytest.raises(NotFound, match="bedside build"):
        registry.get("biopsy")


@every_registry
def test_building_the_same_bundle_again_keeps_the_stage_it_has_reached(
    opened: Opened, tmp_path: Path
) -> None:
    registry = opened(tmp_path)
    known = approved(registry, a_version())

    again = registry.add(replace(a_version(), built_at="2026-03-01T08:00:00.000000Z"))

    assert again == known
    assert registry.versions() == [known]


@every_registry
@pytest.mark.parametrize(
    "change",
    [
        {"stage": Stage.LIVE},
        {"id": "biopsy@000000000000"},
        {"approval": an_approval(a_version())},
    ],
)
def test_only_what_build_makes_can_be_registered(
    opened: Opened, tmp_path: Path, change: dict[str, object]
) -> None:
    registry = opened(tmp_path)

    with pytest.raises(Invalid):
        registry.add(replace(a_version(), **change))  # type: ignore[arg-type]

    assert registry.versions() == []


@every_registry
def test_an_approval_is_kept_word_for_word(opened: Opened, tmp_path: Path) -> None:
    version = approved(opened(tmp_path), a_version())

    kept = opened(tmp_path).get(version.id)

    assert kept == version
    assert kept.stage is Stage.APPROVED
    assert kept.approval == an_approval(a_version())


@every_registry
def test_a_version_is_approved_once(opened: Opened, tmp_path: Path) -> None:
    registry = opened(tmp_path)
    version = approved(registry, a_version())

    with pytest.raises(Refused):
        registry.record_approval(replace(an_approval(version), name="Somebody Else"))

    assert registry.get(version.id) == version


@every_registry
@pytest.mark.parametrize("stage", [Stage.SILENT, Stage.LIVE])
def test_no_version_reaches_patients_without_an_approval(
    opened: Opened, tmp_path: Path, stage: Stage
) -> None:
    registry = opened(tmp_path)
    version = registry.add(a_version())

    with pytest.raises(Refused, match=f"bedside approve {version.id} --name"):
        registry.move(version.id, stage)

    assert registry.get(version.id).stage is Stage.BUILT


@every_registry
@pytest.mark.parametrize("stage", [Stage.SILENT, Stage.LIVE])
def test_no_version_reaches_patients_with_a_failed_gate_even_if_approved(
    opened: Opened, tmp_path: Path, stage: Stage
) -> None:
    registry = opened(tmp_path)
    version = approved(registry, a_version(passed=False))

    with pytest.raises(Refused, match="gate 'auroc' failed"):
        registry.move(version.id, stage)

    assert registry.get(version.id).stage is Stage.APPROVED


@every_registry
def test_a_new_live_version_supersedes_the_old_one_of_its_own_name_only(
    opened: Opened, tmp_path: Path
) -> None:
    registry = opened(tmp_path)
    old, other, new = a_version(build=1), a_version("sepsis"), a_version(build=2)
    for version in (old, other, new):
        approved(registry, version)
        shown(registry, version, Stage.LIVE)

    assert stages(registry) == [Stage.SUPERSEDED, Stage.LIVE, Stage.LIVE]


@every_registry
def test_servers_are_told_what_to_run_and_that_something_changed(
    opened: Opened, tmp_path: Path
) -> None:
    registry = opened(tmp_path)
    first, second, third = (a_version(build=n) for n in (1, 2, 3))
    for version in (first, second, third):
        approved(registry, version)
    seen = [registry.revision()]
    for version, stage in ((first, Stage.LIVE), (second, Stage.CANARY), (third, Stage.CANARY)):
        shown(registry, version, stage, canary=Canary(share=0.25, wards=("icu",)))
        seen.append(registry.revision())

    told = {one.version: one for one in registry.releases()}

    assert seen == sorted(set(seen))
    assert told[first.id].stage is Stage.LIVE
    assert told[first.id].canary is None
    assert told[second.id].stage is Stage.SILENT
    assert told[third.id].canary == Canary(share=0.25, wards=("icu",))
    shown(registry, third, Stage.LIVE)
    shown(registry, second, Stage.LIVE)
    running = {one.version: one.stage for one in registry.releases()}
    assert running == {second.id: Stage.LIVE, third.id: Stage.SUPERSEDED}
    assert registry.get(first.id).stage is Stage.RETIRED


@every_registry
def test_servers_and_people_are_told_since_when(opened: Opened, tmp_path: Path) -> None:
    registry = opened(tmp_path)
    version = approved(registry, a_version())
    before = iso(SystemClock().now())

    registry.move(version.id, Stage.SILENT)

    (release,) = registry.releases()
    assert release.since is not None
    assert before <= release.since <= iso(SystemClock().now())


@every_registry
@pytest.mark.parametrize("step", [Stage.CANARY, Stage.LIVE])
def test_each_step_towards_the_patient_needs_a_yes_of_its_own(
    opened: Opened, tmp_path: Path, step: Stage
) -> None:
    registry = opened(tmp_path)
    version = approved(registry, a_version())
    registry.move(version.id, Stage.SILENT)

    with pytest.raises(Refused, match=f"bedside approve {version.id} --for {step}") as refused:
        registry.move(version.id, step)

    assert refused.value.code == "step_not_approved"
    yes = a_step_approval(version, step)
    kept = registry.record_approval(yes)
    assert opened(tmp_path).get(version.id) == kept
    assert kept.approved_for(step) == yes
    assert registry.move(version.id, step).stage is step


@every_registry
def test_a_yes_is_spent_when_the_version_moves(opened: Opened, tmp_path: Path) -> None:
    registry = opened(tmp_path)
    version = approved(registry, a_version())
    registry.move(version.id, Stage.SILENT)
    registry.record_approval(a_step_approval(version, Stage.LIVE))
    shown(registry, version, Stage.CANARY)

    with pytest.raises(Refused) as refused:
        registry.move(version.id, Stage.LIVE)

    assert refused.value.code == "step_not_approved"
    registry.move(version.id, Stage.SILENT)
    with pytest.raises(Refused):
        registry.move(version.id, Stage.CANARY)
    assert registry.get(version.id).step_approvals == ()


@every_registry
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"bundle": "f" * 64}, "other_bundle"),
        ({"evidence": None}, "no_evidence"),
    ],
)
def test_a_yes_to_something_else_is_none(
    opened: Opened, tmp_path: Path, change: dict[str, str | None], code: str
) -> None:
    registry = opened(tmp_path)
    version = approved(registry, a_version())

    with pytest.raises(Refused) as refused:
        registry.record_approval(
            replace(a_step_approval(version, Stage.CANARY), **change)  # type: ignore[arg-type]
        )

    assert refused.value.code == code
    assert registry.get(version.id).step_approvals == ()


@every_registry
def test_nobody_approves_a_step_of_what_is_not_approved_at_all(
    opened: Opened, tmp_path: Path
) -> None:
    registry = opened(tmp_path)
    version = registry.add(a_version())

    with pytest.raises(Refused, match=f"bedside approve {version.id} --name"):
        registry.record_approval(a_step_approval(version, Stage.LIVE))

    assert registry.versions() == [version]


@every_registry
def test_rolling_back_brings_the_version_before_back_at_once(
    opened: Opened, tmp_path: Path
) -> None:
    registry = opened(tmp_path)
    old, new = (approved(registry, a_version(build=n)) for n in (1, 2))
    shown(registry, old, Stage.LIVE)
    shown(registry, new, Stage.LIVE)
    before = registry.revision()

    changed = registry.rollback(new.id)

    assert [(one.id, one.stage) for one in changed] == [
        (new.id, Stage.SILENT), (old.id, Stage.LIVE),
    ]  # fmt: skip
    assert stages(registry) == [Stage.LIVE, Stage.SILENT]
    assert registry.revision() > before
    with pytest.raises(Refused):
        registry.move(new.id, Stage.LIVE)


@every_registry
def test_rolling_back_the_first_version_leaves_nobody_shown(opened: Opened, tmp_path: Path) -> None:
    registry = opened(tmp_path)
    version = approved(registry, a_version())
    shown(registry, version, Stage.LIVE)

    registry.rollback(version.id)

    assert stages(registry) == [Stage.SILENT]


@every_registry
def test_rolling_back_a_canary_leaves_the_live_version_where_it_is(
    opened: Opened, tmp_path: Path
) -> None:
    registry = opened(tmp_path)
    old, live, canary = (approved(registry, a_version(build=n)) for n in (1, 2, 3))
    shown(registry, old, Stage.LIVE)
    shown(registry, live, Stage.LIVE)
    shown(registry, canary, Stage.CANARY)

    registry.rollback(canary.id)

    assert stages(registry) == [Stage.SUPERSEDED, Stage.LIVE, Stage.SILENT]


@every_registry
def test_of_two_who_roll_back_at_once_one_is_told_that_it_was_done(
    opened: Opened, tmp_path: Path
) -> None:
    registry = opened(tmp_path)
    old, new = (approved(registry, a_version(build=n)) for n in (1, 2))
    shown(registry, old, Stage.LIVE)
    shown(registry, new, Stage.LIVE)
    both = [opened(tmp_path), opened(tmp_path)]
    start = Barrier(2)

    def takes_back(mine: Registry) -> str:
        start.wait()
        try:
            return mine.rollback(new.id)[0].stage
        except Refused as refused:
            return refused.code

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(takes_back, both))

    assert said == ["not_shown", "silent"]
    assert stages(registry) == [Stage.LIVE, Stage.SILENT]


@every_registry
def test_a_registry_of_an_earlier_bedside_goes_on(opened: Opened, tmp_path: Path) -> None:
    registry = opened(tmp_path)
    version = approved(registry, a_version())
    registry.move(version.id, Stage.SILENT)
    url = _urls.get(tmp_path)
    engine = a_postgres_engine(url) if url else open_database(tmp_path / "bedside.sqlite")
    with writing(engine) as database:
        database.exec_driver_sql("DROP TABLE step_approvals")
        database.exec_driver_sql('ALTER TABLE releases DROP COLUMN "at"')

    later = opened(tmp_path)

    (release,) = later.releases()
    assert (release.stage, release.since) == (Stage.SILENT, None)
    assert later.get(version.id).approval == an_approval(version)
    assert shown(later, version, Stage.CANARY).stage is Stage.CANARY


@every_registry
def test_a_suspended_version_stays_so_wherever_it_moves_until_it_is_lifted(
    opened: Opened, tmp_path: Path
) -> None:
    registry = opened(tmp_path)
    version = approved(registry, a_version())
    shown(registry, version, Stage.LIVE)
    before, since = registry.revision(), registry.releases()[0].since

    assert registry.suspend(version.id, suspended=True)
    (suspended,) = registry.releases()
    assert not registry.suspend(version.id, suspended=True)
    registry.rollback(version.id)
    (back,) = registry.releases()
    assert registry.suspend(version.id, suspended=False)
    (resumed,) = registry.releases()

    assert (suspended.suspended, suspended.stage, suspended.since) == (True, Stage.LIVE, since)
    assert suspended.number > before
    assert (back.suspended, back.stage) == (True, Stage.SILENT)
    assert (resumed.suspended, resumed.stage) == (False, Stage.SILENT)
    assert resumed.since is not None
    assert resumed.since > (back.since or "")  # its evidence begins anew


@every_registry
def test_a_canary_keeps_its_terms_while_it_is_suspended(opened: Opened, tmp_path: Path) -> None:
    registry = opened(tmp_path)
    version = approved(registry, a_version())
    terms = Canary(share=0.2, wards=("3 West",))
    shown(registry, version, Stage.CANARY, canary=terms)

    registry.suspend(version.id, suspended=True)

    assert registry.releases()[0].canary == terms


@every_registry
def test_what_no_server_runs_cannot_be_suspended(opened: Opened, tmp_path: Path) -> None:
    registry = opened(tmp_path)
    version = approved(registry, a_version())

    with pytest.raises(Refused) as error:
        registry.suspend(version.id, suspended=True)

    assert error.value.code == "not_released"
