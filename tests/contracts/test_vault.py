"""Every vault keeps the same promises, wherever its stand-ins lie."""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from bedside.core.clock import FixedClock
from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ports.vault import Vault, Vaults
from bedside.core.records.identifier import IdentifierKind
from bedside.infra.database.opening import open_database, writing
from bedside.infra.database.traces import clear_traces
from bedside.privacy.adapters.sql_vault import SqlVaults
from bedside.privacy.memory_vault import MemoryVaults
from postgres_server import a_postgres_engine, a_postgres_url, drop_databases

NAME, RECORD = IdentifierKind.NAME, IdentifierKind.RECORD_NUMBER
CLOCK = FixedClock(datetime(2026, 3, 1, 8, tzinfo=UTC))
_urls: dict[Path, str] = {}


def in_memory(_: Path) -> Vaults:
    return MemoryVaults()


def on_sqlite(folder: Path) -> Vaults:
    return kept_in(open_database(folder / "bedside.sqlite"))


def on_postgres(folder: Path) -> Vaults:
    if folder not in _urls:
        _urls[folder] = a_postgres_url()
    return kept_in(a_postgres_engine(_urls[folder]))


def kept_in(engine: object) -> Vaults:
    return SqlVaults(
        engine,  # type: ignore[arg-type]
        writing=writing,
        clear=clear_traces,
        clock=CLOCK,
        secret_of=lambda project: project.encode().ljust(32, b"."),
    )


@pytest.fixture(autouse=True)
def databases_are_dropped_afterwards() -> Iterator[None]:
    yield
    _urls.clear()
    drop_databases()


VAULTS = [in_memory, on_sqlite, on_postgres]  # add yours here
KEPT = [on_sqlite, on_postgres]
every_vault = pytest.mark.parametrize("opened", VAULTS)
every_kept_vault = pytest.mark.parametrize("opened", KEPT)
Opened = Callable[[Path], Vaults]


def a_number(random: Random) -> str:
    return f"MRN-{random.randrange(10**9):09d}"


def one_of(*names: str) -> Callable[[Random], str]:
    return lambda random: random.choice(names)


@every_vault
def test_a_value_gets_the_same_stand_in_each_time(opened: Opened, tmp_path: Path) -> None:
    vault = opened(tmp_path).of("sepsis")

    first = vault.stand_in(7, RECORD, "12345", a_number)

    assert first != "12345"
    assert vault.stand_in(7, RECORD, "12345", a_number) == first
    assert vault.originals(7) == [(RECORD, "12345", first)]


@every_vault
def test_stand_ins_of_one_subject_differ_and_are_never_their_own_values(
    opened: Opened, tmp_path: Path
) -> None:
    vault = opened(tmp_path).of("sepsis")
    draw = one_of("Ada", "Bea", "Cleo")

    given = [vault.stand_in(7, NAME, name, draw) for name in ("Ada", "Dora")]

    assert given[0] in ("Bea", "Cleo")
    assert given[1] not in ("Ada", given[0])
    with pytest.raises(Invalid, match="No free stand-in"):
        vault.stand_in(7, NAME, "Eva", draw)


@every_vault
def test_a_number_stands_for_one_subject_alone_in_a_project(opened: Opened, tmp_path: Path) -> None:
    vault = opened(tmp_path).of("sepsis")
    draw = one_of("1", "2", "3")

    given = {vault.stand_in(subject, RECORD, "9", draw) for subject in (7, 8, None)}

    assert given == {"1", "2", "3"}
    with pytest.raises(Invalid, match="No free stand-in"):
        vault.stand_in(9, RECORD, "9", draw)
    assert vault.stand_in(7, NAME, "x", one_of("Ada")) == "Ada"
    assert vault.stand_in(8, NAME, "x", one_of("Ada")) == "Ada"


@every_vault
def test_each_subject_is_moved_by_whole_weeks_and_never_not_at_all(
    opened: Opened, tmp_path: Path
) -> None:
    vault = opened(tmp_path).of("sepsis")
    numbers = vault.numbers(range(1200))

    offsets = {one.offset for one in numbers.values()}

    assert all(one % 7 == 0 and one and abs(one) <= 364 for one in offsets)
    assert len(offsets) > 90  # of 104
    assert len({one.pseudonym for one in numbers.values()}) == 1200
    assert all(0 < one.pseudonym < 2**63 for one in numbers.values())
    assert vault.offset(5) == numbers[5].offset
    assert vault.pseudonym(5) == numbers[5].pseudonym
    assert vault.subject_of(numbers[5].pseudonym) == 5
    assert vault.numbers([5, 1199]) == {5: numbers[5], 1199: numbers[1199]}


@every_vault
def test_two_projects_share_nothing(opened: Opened, tmp_path: Path) -> None:
    vaults = opened(tmp_path)
    one, other = vaults.of("sepsis"), vaults.of("falls")

    here = one.stand_in(7, RECORD, "12345", a_number)
    there = other.stand_in(7, RECORD, "12345", a_number)

    assert here != there
    assert one.pseudonym(7) != other.pseudonym(7)
    with pytest.raises(NotFound):
        other.subject_of(one.pseudonym(7))
    assert vaults.projects() == ["falls", "sepsis"]


@every_vault
def test_whoever_is_forgotten_cannot_be_found_again(opened: Opened, tmp_path: Path) -> None:
    vault = opened(tmp_path).of("sepsis")
    vault.stand_in(7, NAME, "Ada", one_of("Bea"))
    vault.stand_in(7, RECORD, "1", a_number)
    pseudonym, other = vault.pseudonym(7), vault.pseudonym(8)

    assert vault.forget(7) == 2

    assert vault.forget(7) == 2
    asks: list[Callable[[], object]] = [
        lambda: vault.stand_in(7, NAME, "Ada", one_of("Bea")),
        lambda: vault.offset(7),
        lambda: vault.pseudonym(7),
        lambda: vault.numbers([8, 7]),
        lambda: vault.originals(7),
        lambda: vault.subject_of(pseudonym),
    ]
    for ask in asks:
        with pytest.raises(Refused) as refused:
            ask()
        assert refused.value.code == "erased"
    assert vault.subject_of(other) == 8
    assert vault.forget(99) == 0


@every_vault
def test_a_stand_in_of_whoever_is_forgotten_is_given_to_nobody_else(
    opened: Opened, tmp_path: Path
) -> None:
    vault = opened(tmp_path).of("sepsis")
    vault.stand_in(7, RECORD, "1", one_of("A"))
    vault.forget(7)

    assert vault.stand_in(8, RECORD, "1", one_of("A", "B")) == "B"


@every_vault
def test_nobodys_own_is_kept_for_the_project(opened: Opened, tmp_path: Path) -> None:
    vault = opened(tmp_path).of("sepsis")

    ward = vault.stand_in(None, IdentifierKind.ORGANISATION, "St Elsewhere", one_of("St Else"))
    vault.forget(7)

    assert ward == vault.stand_in(None, IdentifierKind.ORGANISATION, "St Elsewhere", one_of("x"))


@every_vault
def test_what_is_drawn_together_is_one_step(opened: Opened, tmp_path: Path) -> None:
    vault = opened(tmp_path).of("sepsis")

    with vault.together() as inside:
        given = [inside.stand_in(7, RECORD, str(one), a_number) for one in range(20)]
        assert inside.offset(7) == inside.numbers([7])[7].offset

    assert [vault.stand_in(7, RECORD, str(one), a_number) for one in range(20)] == given


@every_vault
@pytest.mark.parametrize("name", ["", "Sepsis", "a b", "-a", "../x", "a" * 65])
def test_a_project_has_a_plain_name(opened: Opened, tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid, match="project"):
        opened(tmp_path).of(name)


@every_kept_vault
def test_another_process_gets_what_was_drawn_before(opened: Opened, tmp_path: Path) -> None:
    before = opened(tmp_path).of("sepsis")
    given = before.stand_in(7, RECORD, "12345", a_number)

    after = opened(tmp_path).of("sepsis")

    assert after.stand_in(7, RECORD, "12345", a_number) == given
    assert after.numbers([7]) == before.numbers([7])


@every_kept_vault
def test_many_writers_agree(opened: Opened, tmp_path: Path) -> None:
    vaults = [opened(tmp_path).of("sepsis") for _ in range(4)]

    def work(vault: Vault) -> list[object]:
        drawn = [vault.stand_in(s, RECORD, str(v), a_number) for s, v in _PAIRS]
        return [*drawn, vault.numbers([1, 2, 3])]

    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(work, vaults)

    assert all(one == first for one in others)
    assert len(set(map(str, first))) == len(first)


_PAIRS = list(itertools.product((1, 2), range(4)))


def test_the_database_holds_neither_values_nor_stand_ins_nor_a_forgotten_key(
    tmp_path: Path,
) -> None:
    vault = on_sqlite(tmp_path).of("sepsis")
    vault.stand_in(7, NAME, "Rumpelstilzchen", one_of("Schneewittchen"))
    pseudonym = vault.pseudonym(7)
    engine = open_database(tmp_path / "bedside.sqlite")
    with engine.connect() as connection:
        asked = "SELECT wrapped FROM vault_subjects"
        (wrapped,) = connection.exec_driver_sql(asked).one()

    vault.forget(7)

    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (b"Rumpelstil", b"Schneewitt", str(pseudonym).encode(), wrapped):
        assert secret not in files
    with engine.connect() as connection:
        left = connection.exec_driver_sql("SELECT subject FROM vault_pseudonyms").one()
    assert left == (None,)


def test_a_key_that_was_taken_away_is_not_taken_for_forgotten(tmp_path: Path) -> None:
    vault = on_sqlite(tmp_path).of("sepsis")
    vault.stand_in(7, NAME, "Ada", one_of("Bea"))
    engine = open_database(tmp_path / "bedside.sqlite")
    with writing(engine) as connection:
        connection.exec_driver_sql("UPDATE vault_subjects SET wrapped = NULL")

    with pytest.raises(Refused) as refused:
        vault.stand_in(7, NAME, "Ada", one_of("Bea"))

    assert refused.value.code == "vault_broken"
