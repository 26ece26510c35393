"""`make shiftlab`: build the three models, run the laboratory, write docs/shiftlab.md."""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bedside import __version__
from shiftlab.models import MODELS, Model, folder_of_model
from shiftlab.page import page_of
from shiftlab.peers import beside

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "shiftlab.md"


def main() -> None:
    """Everything, or with `--from FOLDER` the page alone from results that were kept there."""
    parser = argparse.ArgumentParser(description="The shift laboratory on three models.")
    parser.add_argument("data", type=Path, help="the folder that holds the public data sets")
    parser.add_argument("--workspace", type=Path, default=ROOT / "build" / "shiftlab")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--quarters", type=int, default=200)
    parser.add_argument("--peers", type=Path, help="the Python of the drift peers' environment")
    parser.add_argument("--peer-quarters", type=int, default=8)
    parser.add_argument("--page-only", action="store_true", help="of the results kept before")
    given = parser.parse_args()
    told = [(model, _told(model, given)) for model in MODELS]
    PAGE.write_text(page_of(told, f"Bedside {__version__}"), encoding="utf-8")
    print(f"Written: {PAGE.relative_to(ROOT)}")


def _told(model: Model, given: argparse.Namespace) -> dict[str, Any] | None:
    """What the laboratory told of a model; None: nothing was kept, and only the page is made."""
    workspace = given.workspace / model.name
    kept = given.workspace / f"{model.name}.json"
    if given.page_only:
        return json.loads(kept.read_text("utf-8")) if kept.is_file() else None
    started = time.monotonic()
    folder = folder_of_model(model, ROOT, given.workspace)
    _bedside("build", folder, "--data", given.data / model.folder, "--workspace", workspace)
    built = time.monotonic()
    told = _bedside(
        "shiftlab", model.name, "--workspace", workspace,
        "--trials", given.trials, "--quarters", given.quarters,
    )  # fmt: skip
    told["seconds"] = {"build": built - started, "laboratory": time.monotonic() - built}
    if given.peers is not None:
        told["peers"] = beside(workspace, model.name, given.peers, given.peer_quarters)
    kept.write_text(json.dumps(told), encoding="utf-8")
    print(f"{model.name}: {told['seconds']['laboratory']:.0f} s", file=sys.stderr)
    return told


def _bedside(*words: Any) -> dict[str, Any]:
    """What a command of Bedside prints as JSON; its progress goes on to standard error."""
    command = [str(Path(sys.executable).with_name("bedside")), *map(str, words), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603
    told: dict[str, Any] = json.loads(done.stdout)
    return told


if __name__ == "__main__":
    main()
