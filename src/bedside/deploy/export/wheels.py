"""Choosing, from a folder of wheels, the one of each library that runs here."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging.tags import Tag, sys_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from bedside.core.disk import disk_trouble
from bedside.core.errors import Refused
from bedside.deploy.package.scoring_install import Library

__all__ = ["chosen_wheels"]


def chosen_wheels(folder: Path, libraries: Iterable[Library]) -> dict[str, bytes]:
    """The wheel of each library by its file name; others in the folder are left out.

    Args:
        folder: As `pip download` fills it.
        libraries: With the versions that are wanted.

    Raises:
        Refused: one is missing for this version of Python and this machine (code `wheel_missing`).
        Unavailable: the disk refuses.
    """
    tags = {tag: rank for rank, tag in enumerate(sys_tags())}
    try:
        names = sorted(path.name for path in folder.glob("*.whl") if path.is_file())
        chosen = {one.name: _best(one, names, tags) for one in libraries}
        missing = sorted(name for name, wheel in chosen.items() if wheel is None)
        if missing:
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            raise Refused(
                f"There is no wheel that runs here of: {', '.join(missing[:5])}{more}.",
                fix="run: pip download --no-deps -r requirements.txt -d FOLDER, on such a machine.",
                code="wheel_missing",
            )
        return {wheel: (folder / wheel).read_bytes() for wheel in chosen.values() if wheel}
    except OSError as error:
        raise disk_trouble(error) from None


def _best(library: Library, names: Iterable[str], tags: Mapping[Tag, int]) -> str | None:
    """The file that fits this machine best."""
    fitting: list[tuple[int, str]] = []
    for name in names:
        try:
            project, version, _, of = parse_wheel_filename(name)
        except (InvalidWheelFilename, InvalidVersion):
            continue
        ranks = [tags[tag] for tag in of if tag in tags]
        same = canonicalize_name(project) == library.name and version == Version(library.version)
        if same and ranks:
            fitting.append((min(ranks), name))
    return min(fitting)[1] if fitting else None
