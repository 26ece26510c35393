"""Asks a server about biopsies, as a hospital's system would; run by the page about rollouts.

`python ask_biopsies.py BASE LOG TABLE`: waits for the server, reads the token that it wrote to LOG,
and asks the model `diagnosis` about each row of TABLE, a Parquet file.
"""

import json
import re
import sys
import time
import urllib.request
from pathlib import Path

import polars as pl

from bedside.lifecycle.package import load_declaration
from bedside.usecases import folder_of

AS_OF = "2000-01-01T00:00:00Z"  # when every aspirate of the table was taken


def main(base: str, log: Path, table: Path) -> None:
    """Ask about every row, and print how many answers of each kind came."""
    _wait_for(f"{base}/v2/health/live")
    found = re.search(r"Token .*: (\S+)", log.read_text())
    token = found.group(1) if found else ""
    declaration, _ = load_declaration(folder_of("diagnosis"))
    signals = {n: one.column for n, one in declaration.signals.items() if one.role == "input"}
    said: dict[str, int] = {}
    for row in pl.read_parquet(table).iter_rows(named=True):
        inputs = [
            {"name": name, "shape": [1], "datatype": "FP64", "data": [row[column]]}
            for name, column in signals.items()
        ]
        body = {"inputs": inputs, "parameters": {"subject": row["case"], "as_of": AS_OF}}
        outcome = _asked(f"{base}/v2/models/diagnosis/infer", body, token)
        said[outcome] = said.get(outcome, 0) + 1
    print(", ".join(f"{outcome}: {count}" for outcome, count in sorted(said.items())))


def _asked(url: str, body: dict[str, object], token: str) -> str:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        outputs = json.loads(response.read())["outputs"]
    return str(next(one["data"][0] for one in outputs if one["name"] == "outcome"))


def _wait_for(url: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not start")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
