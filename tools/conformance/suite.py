"""What a suite came to: each case with how it ended, and why where it did not pass."""

import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["UNEXPLAINED", "Case", "Status", "Suite", "members"]

Status = Literal["pass", "fail", "not_run"]
UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case of a suite.

    Attributes:
        group: The part of the suite that it belongs to.
        reason: Why it does not pass, in plain words; empty where it passes.
    """

    name: str
    group: str
    status: Status
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """All cases of a suite, in its order."""

    name: str
    cases: tuple[Case, ...]

    def count(self, status: Status) -> int:
        """How many cases ended so."""
        return Counter(case.status for case in self.cases)[status]

    @property
    def not_passed(self) -> tuple[Case, ...]:
        """The cases to explain."""
        return tuple(case for case in self.cases if case.status != "pass")

    @property
    def unexplained(self) -> tuple[Case, ...]:
        """The cases that do not pass and have no reason."""
        return tuple(c for c in self.not_passed if not c.reason or c.reason == UNEXPLAINED)


def members(folder: Path) -> dict[str, bytes]:
    """Every file of a data folder by its name, those inside its ZIP archives included.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}.")
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                found.update({n: archive.read(n) for n in archive.namelist() if n[-1:] != "/"})
        elif path.is_file():
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found
