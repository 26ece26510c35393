"""What somebody writes about policies, found in a workspace."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

from bedside.core.errors import Invalid
from bedside.core.records.policy import ACT_WORDS, Act, ConsentSaid, Resource
from bedside.core.records.snapshot import Zone
from bedside.lifecycle.cohort import codes_read
from bedside.lifecycle.package import load_declaration
from bedside.lifecycle.platform import Platform

__all__ = ["act_named", "resource_named", "resource_of_model"]


def act_named(written: str) -> Act:
    """The act of this name.

    Raises:
        Invalid: there is none.
    """
    try:
        return Act(written.strip().lower().replace("-", "_"))
    except ValueError:
        told = "; ".join(f"{act.value}: {words}" for act, words in ACT_WORDS.items())
        raise Invalid("There is no such act.", fix=f"write one of these: {told}.") from None


def resource_named(
    platform: Platform,
    name: str,
    *,
    zone: str | None = None,
    consent: str = "unknown",
    small_cells: bool = False,
) -> Resource:
    """What is asked about; the zone is that of the newest state of a data set of this name.

    Raises:
        Invalid: there is no such zone, or consent is none.
    """
    if consent not in get_args(ConsentSaid):
        raise Invalid("This is no consent.", fix="write permit, deny or unknown.")
    return Resource(
        name=name,
        zone=_zone(platform, name, zone),
        consent=consent,  # type: ignore[arg-type]
        small_cells=small_cells,
    )


def resource_of_model(folder: Path, asked: Resource) -> Resource:
    """The data of a model's declaration: where they lie, and the codes that it reads of them.

    Args:
        folder: Of the model.
        asked: What else is asked about them.

    Raises:
        NotFound, Invalid: as `load_declaration`.
    """
    declaration = load_declaration(folder)[0]
    return replace(
        asked,
        name=declaration.data.source or declaration.name,
        zone=Zone.of(declaration.data.release_mode),
        columns=codes_read(declaration),
    )


def _zone(platform: Platform, name: str, written: str | None) -> Zone | None:
    if written is not None:
        try:
            return Zone(written)
        except ValueError:
            raise Invalid("There is no such zone.", fix="write identified or released.") from None
    states = [one for one in platform.store.entries() if one.name.partition("/")[0] == name]
    whole = [one for one in platform.store.entries() if one.name == name]
    found = whole or states
    return found[-1].zone if found else None
