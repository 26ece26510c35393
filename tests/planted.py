"""A small ward in a CSV file, with strings that must never be found in clear on any disk."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import polars as pl

import bedside.usecases
from bedside.data.collect.bundled import breast_cancer
from warm_start import warm_bedside

__all__ = ["BEDSIDE", "PLANTED", "a_planted_model", "bedside_run", "case", "found_in_clear"]

BEDSIDE = str(Path(sys.executable).with_name("bedside"))
PLANTED = "XANADU"  # in every case's identifier
SECRET_WORD = "kublakhan"  # noqa: S105 - how this source writes a finding that is the same for all


def case(number: int) -> str:
    """The identifier of a case."""
    return f"{PLANTED}-{number:04d}"


def a_planted_model(folder: Path) -> Path:
    """The diagnosis model on a CSV file whose identifiers and one text are planted."""
    shipped = Path(bedside.usecases.__file__).parent / "diagnosis" / "bedside.yaml"
    told = shipped.read_text().replace("biopsies.parquet", "biopsies.csv")
    lines = [line for line in told.splitlines() if "bundled:" not in line]
    at = next(index for index, line in enumerate(lines) if line.startswith("signals:"))
    lines.insert(
        at + 1,
        "  aspect: {label: aspect, code: WDBC//aspect, column: aspect, visible_after: 0 min, "
        f'categories: {{"{SECRET_WORD}": ordinary}}, role: attribute}}',
    )
    folder.mkdir(parents=True)
    (folder / "bedside.yaml").write_text("\n".join(lines) + "\n")
    table = breast_cancer().with_columns(
        case=pl.format(PLANTED + "-{}", pl.col("case")), aspect=pl.lit(SECRET_WORD)
    )
    table.write_csv(folder / "biopsies.csv")
    return folder


def bedside_run(workspace: Path, *words: str, **more: object) -> subprocess.CompletedProcess[str]:
    """One command in a workspace, with its home and its temporary files beside it."""
    home, scratch = workspace.parent / "home", workspace.parent / "tmp"
    home.mkdir(exist_ok=True)
    scratch.mkdir(exist_ok=True)
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(scratch), "XDG_CACHE_HOME": ""}
    asked: dict[str, str] = more.pop("environment", {})  # type: ignore[assignment]
    environment |= asked
    cold = "PYTHONPATH" in asked  # what Python does when it starts is asked for
    return subprocess.run(
        [BEDSIDE if cold else warm_bedside() / "bedside", *words, "--workspace", str(workspace)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment,
        **more,  # type: ignore[call-overload]
    )


def found_in_clear(*folders: Path, words: tuple[str, ...] = (PLANTED, SECRET_WORD)) -> list[str]:
    """The files that hold a planted string, as it is or in one of the usual dresses."""
    wanted: set[bytes] = set()
    for word in words:
        wanted |= {word.encode(), word.encode("utf-16-le"), word.encode().hex().encode()}
        for shift in range(3):  # base64 of the word inside a longer text
            dressed = base64.b64encode(b"x" * shift + word.encode())
            wanted.add(dressed[4 if shift else 0 : -4])
    return [
        str(path)
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(one in path.read_bytes() for one in wanted)
    ]
