"""Scoring the rows of a plain table, each a question of its own; one entry in the ledger."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from bedside.core.clock import iso
from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json, digest_of, subject_pseudonym
from bedside.core.records.bundle import FEATURES, Bundle
from bedside.core.records.declaration import Declaration
from bedside.core.records.policy import Act, Resource
from bedside.core.records.snapshot import Zone
from bedside.core.records.version import ModelVersion
from bedside.data.collect.asked_rows import asked_blocks
from bedside.features.definition import feature_set_from_json
from bedside.features.inputs import as_served
from bedside.lifecycle.cohort import codes_read
from bedside.lifecycle.consents import LeftOut, consented, left_out_of_rows
from bedside.lifecycle.intake import tags_of
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.scores import (
    BatchScores,
    check_scoring,
    exported_scores,
    record_scores,
    results_of,
    sealed_scores,
)
from bedside.lifecycle.scoring_rows_task import block_bytes

__all__ = ["ROWS_WORK", "score_rows"]

ROWS_WORK = "bedside.wiring.score_work:score_rows"
ROWS = 1 << 18
"""Rows of one task."""


def score_rows(
    platform: Platform,
    version_id: str,
    table: Path,
    *,
    reasons: bool = False,
    to: Path | None = None,
) -> BatchScores:
    """Score every row of a plain table: each is asked about by itself, as a request would ask.

    The whole table is read, and any fault of it told, before a row is scored. It is kept sealed,
    without identifiers, as long as this runs. Stopped and run again on the same table, it goes on.

    Args:
        platform: The workspace.
        version_id: Which version.
        table: The one file that is read, .parquet or .csv; see `asked_blocks`.
        reasons: Whether to say what moved each score; each row then takes as long as at the
            bedside.
        to: A Parquet file that is not there yet. It is not encrypted: it leaves the workspace,
            which the ledger records before it is written.

    Raises:
        NotFound: there is no such version, or no such file.
        Invalid: the table is not as the model asks for, nobody is in it, or `to` does not end in
            .parquet.
        Refused: the policies do not permit it (`not_allowed`), the bundle is not intact, the
            purpose is treatment and the version is not live (`not_released`) or suspended
            (`suspended`), or `to` is there already (`file_exists`).
        Unavailable: an engine, the store or the disk refuses; run it again.
    """
    version = platform.registry.get(version_id)
    check_scoring(platform, version, to)
    with platform.lock():
        bundle = open_bundle(platform, version)
        done = _scored(platform, version, bundle, table, reasons=reasons)
        record_scores(platform, done, reasons=reasons)
        return done if to is None else exported_scores(platform, done, to)


def _scored(
    platform: Platform, version: ModelVersion, bundle: Bundle, table: Path, *, reasons: bool
) -> BatchScores:
    index = platform.folder / "steps" / digest_of(f"{bundle.declaration.name}/rows")
    with _sealed(platform, bundle, table) as sealed:
        of = digest_of(sealed.blocks)
        with _asked_at(platform, index / "begun" / f"{digest_of([of, version.id])}.json") as now:
            common = {
                "workspace": str(platform.folder.resolve()),
                "bundle": bundle.digest,
                "version": version.id,
                "now": now() if sealed.needs_moment else None,
                "reasons": reasons,
            }
            tasks = [canonical_json(common | {"block": block}) for block in sealed.blocks]
            results = results_of(platform, ROWS_WORK, tasks, index, sealed.rows)
            done = sealed_scores(
                platform, version, results, of=of, is_table=True, subjects=sealed.subjects
            )
    return replace(done, left_out=sealed.left_out)


@dataclass(slots=True)
class _Sealed:
    """The blocks of a table as they are sealed for those who score them."""

    blocks: list[str]
    rows: int = 0
    subjects: int = 0
    left_out: int = 0
    needs_moment: bool = False


@contextmanager
def _sealed(platform: Platform, bundle: Bundle, table: Path) -> Iterator[_Sealed]:
    """Read the whole table and seal it; nothing of it is kept in the end."""
    declaration = as_served(bundle.declaration, feature_set_from_json(bundle.files[FEATURES]))
    admission, sealed, people = _Admission(platform, declaration), _Sealed([]), _People()
    try:
        with platform.progress.step("read") as advance:
            for read in asked_blocks(table, declaration, ROWS, admission.pseudonym):
                block = admission.admitted(read)
                sealed.left_out += read.height - block.height
                if block.height:
                    sealed.blocks.append(platform.objects.put(block_bytes(block)))
                    sealed.rows += block.height
                    sealed.needs_moment |= block["as_of"].null_count() > 0
                    people.add(block["subject_id"])
                advance(read.height)
        sealed.subjects = people.count()
        if sealed.left_out:
            platform.progress.note(
                "Rows that were not scored, because their patients refused it or were erased: "
                f"{sealed.left_out:,}."
            )
        if not sealed.rows:
            raise Invalid(
                "Nobody is asked about in this table.",
                fix="give a table with rows of patients who have not refused it.",
                code="nobody_asked",
            )
        yield sealed
    finally:
        for digest in sealed.blocks:
            platform.objects.remove(digest)


class _Admission:
    """Goes through the door with the rows, and keeps out who refused or was erased.

    Raises:
        Refused: the policies do not permit it (`not_allowed`).
    """

    def __init__(self, platform: Platform, declaration: Declaration) -> None:
        data = declaration.data
        zone = Zone.of(data.release_mode)
        name = data.source or declaration.name
        resource = Resource(name=name, zone=zone, columns=codes_read(declaration))
        asked = consented(platform, Act.SCORE, resource)
        self._left: LeftOut = left_out_of_rows(
            platform, Act.SCORE, asked, salt=data.pseudonym_salt, zone=zone
        )
        self._platform, self._salt = platform, data.pseudonym_salt
        self._erased = platform.store.catalogue.suppressed()
        self._gone = set[int]()

    def pseudonym(self, identifier: str) -> int:
        """Of a patient; who was erased is remembered."""
        made = subject_pseudonym(identifier, salt=self._salt)
        if self._erased and not self._erased.isdisjoint(
            tags_of(self._platform, identifier, self._salt)
        ):
            self._gone.add(made)
        return made

    def admitted(self, block: pl.DataFrame) -> pl.DataFrame:
        """The rows of who may be scored."""
        if self._erased:
            told = block["subject_id"].drop_nulls().unique().to_list()
            self._gone |= {one for one in told if self._tag(one) in self._erased}
        stay = pl.lit(value=True)
        if self._left.digest is not None:
            only = self._left.asked.permitted_only
            stay = self._left.keeps().fill_null(not only)  # who is not named has said nothing
        if self._gone:
            stay &= ~pl.col("subject_id").is_in(sorted(self._gone)).fill_null(value=False)
        return block.filter(stay)

    def _tag(self, pseudonym: int) -> str:
        return self._platform.tag(f"{self._salt}:{pseudonym}")


class _People:
    """Counts patients; a row that names nobody is of one of its own."""

    def __init__(self) -> None:
        self._named: list[pl.Series] = []
        self._others = 0

    def add(self, subjects: pl.Series) -> None:
        """The patients of more rows."""
        self._others += subjects.null_count()
        self._named.append(subjects.drop_nulls().unique())

    def count(self) -> int:
        """How many there were."""
        return self._others + (pl.concat(self._named).n_unique() if self._named else 0)


@contextmanager
def _asked_at(platform: Platform, place: Path) -> Iterator[Callable[[], str]]:
    """When the rows are asked about that do not say it: when this began, also if it was stopped.

    Args:
        platform: Its clock and disk.
        place: Where it is noted until all is done.
    """

    def moment() -> str:
        if place.is_file():
            return str(json.loads(place.read_bytes())["now"])
        now = iso(platform.clock.now())
        platform.write(place, canonical_json({"now": now}))
        return now

    yield moment
    place.unlink(missing_ok=True)
