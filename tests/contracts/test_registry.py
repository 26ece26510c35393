"""What every registry must do, whatever keeps the versions."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

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
    )


def approved(registry: Registry, version: ModelVersion) -> ModelVersion:
    registry.add(version)
    return registry.record_approval(an_approval(version))


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
    registry.move(old.id, Stage.LIVE)
    registry.move(other.id, Stage.LIVE)

    registry.move(new.id, Stage.LIVE)

    stages = [version.stage for version in registry.versions()]
    assert stages == [Stage.SUPERSEDED, Stage.LIVE, Stage.LIVE]


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
        registry.move(version.id, stage, canary=Canary(share=0.25, wards=("icu",)))
        seen.append(registry.revision())

    told = {one.version: one for one in registry.releases()}

    assert seen == sorted(set(seen))
    assert told[first.id].stage is Stage.LIVE
    assert told[first.id].canary is None
    assert told[second.id].stage is Stage.SILENT
    assert told[third.id].canary == Canary(share=0.25, wards=("icu",))
    registry.move(third.id, Stage.LIVE)
    registry.move(second.id, Stage.LIVE)
    stages = {one.version: one.stage for one in registry.releases()}
    assert stages == {second.id: Stage.LIVE, third.id: Stage.SUPERSEDED}
    assert registry.get(first.id).stage is Stage.RETIRED
