"""Copies of a rehearsal's workspace after some of its days, to which one that was killed goes back.

A copy is made beside the old one and takes its place by a rename, so that there is a whole one
whenever the process ends. Days that were lived through after it are lived through once more, and
give the same: the clock, who comes and what happens are the plan's alone.
"""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bedside.core.errors import Refused
from bedside.core.ids import canonical_json
from bedside.infra.database.sqlite import copy_sqlite
from bedside.infra.files import write_atomically
from bedside.lifecycle.rehearsal_state import YearState

__all__ = ["EVERY", "Keeping"]

SCRATCH = "rehearsal"
EVERY = 10.0  # seconds of processor time between two copies, at least
_SHARE = 20.0  # and so many times what a copy takes
_MARK, _KEPT, _NEW, _OLD, _STATE = "begun.json", "kept", "kept.new", "kept.old", "state.json"
_NEVER = (SCRATCH, ".lock", "spill")


@dataclass(slots=True, kw_only=True)
class Keeping:
    """The copies of one rehearsal.

    Args:
        folder: Of its workspace.
        about: Digest of what is rehearsed; it goes on with the same alone.
        every: Least processor time between two copies, in seconds.
    """

    folder: Path
    about: str
    every: float = EVERY
    _last: float = -1e9
    _took: float = 0.0

    @property
    def scratch(self) -> Path:
        """Where its tables and copies lie, and that it began."""
        return self.folder / SCRATCH

    def look(self) -> None:
        """See that the folder is not there, or is that of this rehearsal.

        Raises:
            Refused: it is that of something else, or of a rehearsal that ended (code
                `folder_exists`).
        """
        mark = self.scratch / _MARK
        if mark.is_file():
            if json.loads(mark.read_bytes()) != {"about": self.about}:
                raise _taken("a rehearsal of something else was begun there")
        elif self.folder.exists() and any(one.name != SCRATCH for one in self.folder.iterdir()):
            raise _taken("that folder is there already")

    def begin(self) -> YearState:
        """Make the folder, or bring it back to the last copy; how far the rehearsal had come.

        Raises:
            Refused: as `look`.
        """
        self.look()
        mark = self.scratch / _MARK
        if not mark.is_file():
            write_atomically(mark, canonical_json({"about": self.about}))
        return self._restored()

    def keep(self, state: YearState) -> None:
        """Copy the workspace, if the last copy is old enough."""
        now = time.process_time()
        if now - self._last < max(self.every, _SHARE * self._took):
            return
        new, kept, old = (self.scratch / name for name in (_NEW, _KEPT, _OLD))
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        for part in self._parts():
            _copied(part, new / part.name)
        write_atomically(new / _STATE, json.dumps(state.to_json()).encode())
        shutil.rmtree(old, ignore_errors=True)
        if kept.exists():
            kept.rename(old)
        new.rename(kept)
        shutil.rmtree(old, ignore_errors=True)
        self._last = time.process_time()
        self._took = self._last - now

    def end(self) -> None:
        """Nothing is gone back to any more."""
        (self.scratch / _MARK).unlink()
        for name in (_KEPT, _NEW, _OLD):
            shutil.rmtree(self.scratch / name, ignore_errors=True)

    def _restored(self) -> YearState:
        """The workspace as it was copied last; without a copy, nothing of it."""
        kept, old = self.scratch / _KEPT, self.scratch / _OLD
        if not kept.exists() and old.exists():
            old.rename(kept)
        for part in self._parts():
            _removed(part)
        for part in (
            one for one in self.scratch.iterdir() if one.name not in (_MARK, _KEPT, ".lock")
        ):
            _removed(part)
        if not kept.exists():
            return YearState()
        for part in kept.iterdir():
            if part.name != _STATE:
                _copied(part, self.folder / part.name)
        return YearState.from_json(json.loads((kept / _STATE).read_bytes()))

    def _parts(self) -> Iterator[Path]:
        """What lies in the workspace, but for what is of this process alone."""
        yield from (one for one in self.folder.iterdir() if one.name not in _NEVER)


def _copied(part: Path, to: Path) -> None:
    """A copy of a folder or a file; of a database, of what is committed."""
    if part.is_dir():
        shutil.copytree(part, to)
    elif part.suffix == ".sqlite":
        copy_sqlite(part, to)
    elif not part.name.endswith((".sqlite-wal", ".sqlite-shm")):
        shutil.copy2(part, to)


def _removed(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part)
    else:
        part.unlink()


def _taken(why: str) -> Refused:
    return Refused(
        f"A rehearsal makes its own workspace, and {why}.",
        fix="give a new name; one that was stopped goes on with the same plan, model and data.",
        code="folder_exists",
    )
