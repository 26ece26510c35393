"""Tells from the ledger how a rollback under load went; run by the page about replays.

`python rollback_account.py LEDGER REPLAY ROLLOUT`: what `bedside ledger show --json`,
`bedside replay --json` and `bedside rollout --json` printed. The time is counted from the moment
at which the version moved.
"""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any


def main(ledger: Path, replay: Path, rollout: Path) -> None:
    """Print what was asked, what was answered, and when the last answer of the version left."""
    entries: list[dict[str, Any]] = json.loads(ledger.read_text())["entries"]
    told: dict[str, Any] = json.loads(replay.read_text())
    back = [at for at, one in enumerate(entries) if one["action"] == "rollback"][-1]
    version = entries[back]["details"]["version"]
    versions = json.loads(rollout.read_text())["versions"]
    moved = next(one["since"] for one in versions if one["version"] == version)
    taken = datetime.fromisoformat(moved)
    start = [at for at in range(back) if entries[at]["action"] == "replay.start"][-1]
    shown = [
        one for one in entries[start:] if one["action"] == "answer" and one["details"]["shown"]
    ]
    after = [one for one in shown if _when(one) > taken]
    bad = [one for one in after if one["details"]["version"] == version]
    last = max(((_when(one) - taken).total_seconds() for one in bad), default=0.0)
    print(f"asked {told['questions']:,}, answered {told['answered']:,}, failed {_failed(told):,}")
    print(f"shown in the ledger: {len(shown):,} answers, {len(_ids(shown)):,} of them different")
    print(f"taken back at {moved[11:23]} UTC by {entries[back]['actor']}")
    print(f"last answer of {version} recorded {last:.2f} s later; {len(bad):,} since then")
    for name in sorted({one["details"]["version"] for one in after} - {version}):
        count = sum(one["details"]["version"] == name for one in after)
        print(f"then {name} was shown {count:,} times")


def _failed(told: dict[str, Any]) -> int:
    kinds = ("score", "abstention", "withheld")
    return sum(count for kind, count in told["outcomes"].items() if kind not in kinds)


def _ids(answers: list[dict[str, Any]]) -> set[str]:
    return {one["details"]["prediction_id"] for one in answers}


def _when(entry: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(entry["at"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
