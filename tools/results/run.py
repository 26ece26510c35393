"""`make results`: build every task, print the table, write docs/results.md and the reports."""

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bedside import __version__
from bedside.core.records.evidence import figure_text
from bedside.metrics.names import METRICS
from results.page import Result, page_of, told_figures
from results.peers import peer_text
from results.tasks import TASKS, Task

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "results.md"
REPORTS = ROOT / "docs" / "results"


def main() -> None:
    """Build what is asked for; without names, everything, and only then is the page written."""
    parser = argparse.ArgumentParser(description="Our results beside the published ones.")
    parser.add_argument("data", type=Path, help="the folder that holds the public data sets")
    parser.add_argument("names", nargs="*", help="use cases; without any, all of them")
    parser.add_argument("--workspace", type=Path, default=ROOT / "build" / "results")
    given = parser.parse_args()
    tasks = [task for task in TASKS if not given.names or task.use_case in given.names]
    results = [_result(task, given.data, given.workspace) for task in tasks]
    for one in results:
        print(f"\n{one.task.title} ({one.version})")
        for text in (*(each.text for each in one.task.published), *one.peers):
            print(f"  theirs  {text}")
        for text in one.ours:
            print(f"  ours    {text.replace('**', '')}")
    if not given.names:
        PAGE.write_text(page_of(results, f"Bedside {__version__}"), encoding="utf-8")
        print(f"\nWritten: {PAGE.relative_to(ROOT)}")


def _result(task: Task, data: Path, workspace: Path) -> Result:
    started = time.monotonic()
    workspace = workspace / task.use_case  # one each, so that several can be built side by side
    told = _bedside("build", task.use_case, "--data", data / task.folder, "--workspace", workspace)
    ours = told_figures(task, told)
    if task.elsewhere:
        beyond = _bedside(
            "evaluate", told["version"], "--data", data / task.elsewhere, "--workspace", workspace
        )
        for figure in task.figures:
            text = figure_text(beyond["metrics"][figure.metric])
            title = METRICS[figure.metric].title
            ours += (f"{title} **{text}** on {Path(task.elsewhere).name}",)
    REPORTS.mkdir(exist_ok=True)
    report = REPORTS / f"{task.use_case}.html"
    shutil.copyfile(told["report"], report)
    peers = (peer_text(task.peer),) if task.peer else ()
    print(f"{task.use_case}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    return Result(
        task=task,
        ours=ours,
        peers=peers,
        report=f"results/{report.name}",
        version=told["version"],
    )


def _bedside(*words: Any) -> dict[str, Any]:
    """What a command of Bedside prints as JSON; its progress goes on to standard error."""
    command = [str(Path(sys.executable).with_name("bedside")), *map(str, words), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603
    told: dict[str, Any] = json.loads(done.stdout)
    return told


if __name__ == "__main__":
    main()
