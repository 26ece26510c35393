"""Building a registered version again, comparing, and naming the cause of what differs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from bedside.core.errors import BedsideError, Invalid
from bedside.core.ids import digest_of
from bedside.core.records.bundle import (
    DECLARATION,
    DECLARATION_SOURCE,
    ENVIRONMENT,
    IMPORTED,
    MANIFEST,
    MODEL,
    Bundle,
)
from bedside.core.records.policy import Act, Resource
from bedside.core.records.snapshot import SnapshotEntry
from bedside.core.records.version import ModelVersion
from bedside.deploy.package.scoring_install import (
    changed_install,
    environment_text,
    scoring_libraries,
)
from bedside.deploy.package.sealing import seal
from bedside.lifecycle.build import rebuilt
from bedside.lifecycle.consents import Asked
from bedside.lifecycle.differences import (
    changed_libraries,
    declared_otherwise,
    differing_files,
    first_difference,
)
from bedside.lifecycle.door import enter
from bedside.lifecycle.imported import imported_from_json
from bedside.lifecycle.package import Packed, declaration_of, load_declaration
from bedside.lifecycle.patients import Patients, entry_of, facts_of, own_patients, same_data
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.recalibrating import recalibrated_again
from bedside.lifecycle.release import open_bundle

__all__ = ["TOLERANCE", "Reproduction", "reproduce"]

TOLERANCE = 1e-6
"""How far apart, on the risk, two predictions may lie that count as equal."""

Outcome = Literal["exact", "equal within tolerance", "different"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """What came of building a version again.

    Args:
        version: Its id.
        outcome: `exact`: every byte is the same. `equal within tolerance`: bytes differ, but no
            prediction for a held-out row does by more than `tolerance`. Else `different`.
        exact: Whether the outcome is `exact`.
        because: Why, in words.
        causes: Each known cause of a difference.
        differing: The files whose bytes differ, first those from which others are made.
        first: Where the first of them begins to differ.
        rows: Held-out rows whose predictions were compared.
        worst: The largest difference between two predictions for one row; None: none compared.
        tolerance: As above.
    """

    version: str
    outcome: Outcome
    exact: bool
    because: str
    causes: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    first: str = ""
    rows: int = 0
    worst: float | None = None
    tolerance: float = TOLERANCE


def reproduce(platform: Platform, version_id: str, folder: Path | None = None) -> Reproduction:
    """Build a version again from the data it was made of, without any earlier step, and compare.

    Args:
        platform: The workspace.
        version_id: Which version.
        folder: Of the model: its declaration is built, not the one that is sealed in the bundle.

    Raises:
        NotFound: there is no such version, or its snapshot is not in this workspace.
        Refused: its bundle is not intact.
        Invalid: the declaration in the folder is not right.
    """
    enter(platform, Act.AUDIT, Resource(name=version_id))
    version = platform.registry.get(version_id)
    bundle = open_bundle(platform, version)
    facts = facts_of(platform, version)
    if folder is not None and "recalibrated" in facts:
        raise Invalid(
            "A recalibrated version is made again from its parent, not from a declaration.",
            fix="leave --folder out.",
        )
    source = bundle.files[DECLARATION_SOURCE] if folder is None else load_declaration(folder)[1]
    entry = entry_of(platform, facts["snapshot"])
    if entry.successor is not None:
        done = _no_longer(platform, version.id, entry)
    else:
        done = _compared(platform, version, bundle, facts, source, entry)
    platform.ledger.append(
        platform.actor,
        "reproduce",
        {
            "version": version.id,
            "outcome": done.outcome,
            "exact": done.exact,
            "differing": list(done.differing),
        },
    )
    return done


def _compared(
    platform: Platform,
    version: ModelVersion,
    bundle: Bundle,
    facts: Mapping[str, Any],
    source: bytes,
    entry: SnapshotEntry,
) -> Reproduction:
    scratch = TemporaryDirectory(dir=platform.folder, prefix="reproduce-")
    with platform.lock(), scratch as place:
        index = Path(place)
        causes = _causes(platform, bundle, facts, source)
        patients: Patients | None = None
        try:
            if "recalibrated" in facts:
                made, patients = recalibrated_again(platform, facts, index)
            else:
                given = bundle.files.get(IMPORTED)
                imported = None if given is None else imported_from_json(given)
                told = facts.get("consent")
                asked = None if told is None else Asked.from_json(told)
                data = same_data(platform, entry)
                made = rebuilt(platform, source, data, index, imported, asked)
        except BedsideError as error:
            if not causes:
                raise
            because = f"It cannot be built here: {error.problem}"
            return _different(version.id, _joined([because, *causes]), causes)
        digest = seal(made.files, made.facts, index / "bundles")
        if digest == version.bundle:
            return Reproduction(
                version=version.id,
                outcome="exact",
                exact=True,
                because="Every file came out the same to the byte.",
                worst=0.0,
            )
        differing = differing_files(bundle.files, made.files, apart_from=[MANIFEST])
        compared: tuple[int, float | None] = (0, 0.0)
        if patients is not None:
            seen = (_under(patients, files) for files in (bundle.files, made.files))
            compared = _apart(platform, *seen)
        elif differing:
            compared = _worst(platform, bundle, made, entry, index)
    return _told(version.id, bundle, made, differing, causes, compared)


def _told(
    version: str,
    bundle: Bundle,
    made: Packed,
    differing: tuple[str, ...],
    causes: tuple[str, ...],
    compared: tuple[int, float | None],
) -> Reproduction:
    rows, worst = compared
    first = ""
    if differing:
        name = differing[0]
        first = first_difference(name, bundle.files.get(name), made.files.get(name))
    unexplained = (
        "Code, libraries, declaration and data are the same, and yet it came out differently. "
        "This is a defect: report it."
    )
    equal = worst is not None and worst <= TOLERANCE
    if not differing:
        said = "Every file came out the same to the byte; only what built them is another"
    elif worst is None:
        said = "No prediction can be compared: they answer for other patients"
    else:
        said = (
            f"The bytes differ; over {rows:,} predictions the risk differs by at most "
            f"{worst:.2g}, and up to {TOLERANCE:g} counts as equal"
        )
    return Reproduction(
        version=version,
        outcome="equal within tolerance" if equal and (rows or not differing) else "different",
        exact=False,
        because=_joined([f"{said}.", *causes] if causes else [f"{said}.", unexplained]),
        causes=causes,
        differing=differing,
        first=first,
        rows=rows,
        worst=worst,
    )


def _causes(
    platform: Platform, bundle: Bundle, facts: Mapping[str, Any], source: bytes
) -> tuple[str, ...]:
    """What is known to be another here than where the version was built."""
    causes = []
    before = json.loads(bundle.files[DECLARATION])
    made = declaration_of(source)
    after = json.loads(_told_declaration(made))
    same_text = source == bundle.files[DECLARATION_SOURCE]
    if digest_of(after) != facts["declaration"]:
        causes.append(declared_otherwise(before, after, same_text=same_text))
    elif not same_text:
        causes.append("The declaration was edited, but only its comments or its layout.")
    libraries = changed_libraries(facts["environment"], platform.environment)
    causes += [f"{one[0].upper()}{one[1:]}." for one in libraries]
    pins = environment_text(scoring_libraries())
    install = changed_install(bundle.files.get(ENVIRONMENT), pins)
    causes += [f"{one[0].upper()}{one[1:]}." for one in install]
    if digest_of([platform.source, facts["environment"]]) != facts["code"]:
        causes.append("Bedside's own code is another one than built it.")
    return tuple(causes)


def _told_declaration(declaration: Any) -> bytes:
    from bedside.interop.declaration import declaration_to_json  # noqa: PLC0415

    return declaration_to_json(declaration)


def _worst(
    platform: Platform, bundle: Bundle, made: Packed, entry: SnapshotEntry, index: Path
) -> tuple[int, float | None]:
    """How many held-out rows both answer for, and how far apart the two answers are at most."""
    new = Bundle(
        digest="",
        declaration=declaration_of(made.files[DECLARATION_SOURCE]),
        threshold=None,
        files=made.files,
    )
    first, second = (_held_out(platform, one, entry, index) for one in (bundle, new))
    return _apart(platform, first, second)


def _under(patients: Patients, files: Mapping[str, bytes]) -> Patients:
    """The same patients as another model with the same features sees them."""
    return replace(patients, bundle=replace(patients.bundle, files=files))


def _apart(platform: Platform, first: Patients, second: Patients) -> tuple[int, float | None]:
    keys = ["subject_id", "prediction_time"]
    rows = [
        one.asked.select(keys).with_columns(
            risk=platform.predictor_of(one.bundle.files[MODEL]).predict(one.matrix)
        )
        for one in (first, second)
    ]
    both = rows[0].join(rows[1], on=keys, suffix="_again")
    if both.is_empty():
        return 0, None
    apart = np.abs(both["risk"].to_numpy() - both["risk_again"].to_numpy())
    return both.height, float(apart.max())


def _held_out(platform: Platform, bundle: Bundle, entry: SnapshotEntry, index: Path) -> Patients:
    intake = same_data(platform, entry)(bundle.declaration)
    return own_patients(platform, bundle, intake, index).side("held_out")


def _joined(parts: list[str]) -> str:
    return " ".join(part if part.endswith(".") else f"{part}." for part in parts)


def _different(version: str, because: str, causes: tuple[str, ...] = ()) -> Reproduction:
    return Reproduction(
        version=version, outcome="different", exact=False, because=because, causes=causes
    )


def _no_longer(platform: Platform, version: str, entry: SnapshotEntry) -> Reproduction:
    every, count, last = platform.store.catalogue.entries(), 0, entry
    while last.successor is not None:
        count += 1
        last = next(one for one in every if one.snapshot == last.successor)
    because = (
        f"It can no longer be exact: {count} subject"
        f"{' was' if count == 1 else 's were'} erased from the snapshot {entry.snapshot[:12]} that "
        f"it was built from, as the ledger records. What is left is {last.snapshot[:12]}."
    )
    return _different(version, because, (because,))
