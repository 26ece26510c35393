"""Collecting other patients for a built version, apart from what it was built from."""

from dataclasses import replace
from pathlib import Path

from bedside.core.errors import NotFound
from bedside.lifecycle.collect import load_source
from bedside.lifecycle.patients import digest_of_data, elsewhere
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.usecases import folder_of, source_of
from bedside.wiring.sources import collect_source, tells_size_of

__all__ = ["collect_elsewhere"]


def collect_elsewhere(
    platform: Platform, version_id: str, data: Path | None, folder: str | None
) -> None:
    """Collect the data of other patients, where the version reads a collected source.

    They are kept like any others, encrypted and erasable, under a name of their own.

    Args:
        platform: The workspace.
        version_id: Which version.
        data: The folder of the data.
        folder: Of the model, where the source's declaration lies beside it and does not ship.

    Raises:
        Refused: the data do not keep a gate of the source, or there is no such declaration.
    """
    version = platform.registry.get(version_id)
    declaration = open_bundle(platform, version).declaration
    declared = declaration.data.source
    if not declared or data is None:
        return
    named = elsewhere(declaration, digest_of_data(data))
    try:
        platform.store.open(f"{named.data.source}/prepared")
        return
    except NotFound:
        pass

    beside = None if folder is None else folder_of(folder)
    source = load_source(source_of(declared, beside=beside))
    tell = tells_size_of(platform, declared)
    collect_source(platform, replace(source, name=named.data.source), data, tell)
