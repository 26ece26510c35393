"""FHIR NDJSON to facts that are ready for the store, against DuckDB that reads the same columns."""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from bedside.infra.engines.local import thread_limits
from fhir_observations import write_ndjson

PART = 16 << 20
PROCESSES = 2
CONCEPT = "STRUCT(coding STRUCT(system VARCHAR, code VARCHAR)[], text VARCHAR)"
QUANTITY = "STRUCT(value DOUBLE, comparator VARCHAR, unit VARCHAR, system VARCHAR, code VARCHAR)"
REFERENCE = "STRUCT(reference VARCHAR)"
COLUMNS = {
    "resourceType": "VARCHAR",
    "id": "VARCHAR",
    "status": "VARCHAR",
    "code": CONCEPT,
    "subject": REFERENCE,
    "encounter": REFERENCE,
    "effectiveDateTime": "VARCHAR",
    "onsetDateTime": "VARCHAR",
    "period": 'STRUCT("start" VARCHAR, "end" VARCHAR)',
    "issued": "VARCHAR",
    "recordedDate": "VARCHAR",
    "birthDate": "VARCHAR",
    "gender": "VARCHAR",
    "valueQuantity": QUANTITY,
    "valueCodeableConcept": CONCEPT,
    "component": (
        f"STRUCT(code {CONCEPT}, valueQuantity {QUANTITY}, valueCodeableConcept {CONCEPT})[]"
    ),
}
FACTS = """
    SELECT resourceType AS kind, id, subject.reference AS subject, encounter.reference AS encounter,
        coalesce(effectiveDateTime, onsetDateTime, period.start)::TIMESTAMPTZ AS time,
        period.end::TIMESTAMPTZ AS "end",
        coalesce(issued, recordedDate)::TIMESTAMPTZ AS recorded,
        part.code.coding[1].system || '//' || part.code.coding[1].code AS code,
        part.valueQuantity.value AS value, part.valueQuantity.code AS unit,
        coalesce(part.valueCodeableConcept.coding[1].code, gender, birthDate) AS text
    FROM (
        SELECT *, unnest(coalesce(component, [{
            'code': code,
            'valueQuantity': valueQuantity,
            'valueCodeableConcept': valueCodeableConcept
        }])) AS part
"""
FLOORS = {
    "nested columns, as they are": ("SELECT *", ""),
    "a row for each value, in the columns of a fact": (FACTS, ")"),
}


def floor(path: str, what: str) -> dict[str, float]:
    """DuckDB with two threads and a given schema reads the file into a table of its own."""
    import duckdb  # noqa: PLC0415

    spec = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    connection = duckdb.connect()
    connection.execute(f"SET threads = {PROCESSES}; SET TimeZone = 'UTC'")
    began = _clocks()
    source = f"read_ndjson('{path}', columns={{{spec}}})"
    before, after = FLOORS[what]
    connection.execute(f"CREATE TABLE facts AS {before} FROM {source} {after}")
    used = _used(began)
    (rows,) = connection.execute("SELECT count(*) FROM facts").fetchone() or (0,)
    return used | {"rows": rows}


def parts(path: Path) -> list[tuple[int, int]]:
    """Where each part of whole lines begins, and how long it is."""
    found, start, size = [], 0, path.stat().st_size
    with path.open("rb") as file:
        while start < size:
            file.seek(min(start + PART, size))
            file.readline()
            found.append((start, file.tell() - start))
            start = file.tell()
    return found


def worker(path: str, mine: str) -> dict[str, float]:
    """Read every second part into its facts; say when ready, and wait for the word."""
    from bedside.core.records.collection import Collection  # noqa: PLC0415
    from bedside.data.collect.facts import Part  # noqa: PLC0415
    from bedside.data.collect.formats.fhir import READER  # noqa: PLC0415

    source = Collection(
        bedside=1,
        name="generated",
        title="Generated",
        format="fhir",
        licence="none",
        release_mode="identified",
        known_at={},
    )
    print("ready", flush=True)
    sys.stdin.readline()
    began, facts = _clocks(), 0
    with Path(path).open("rb") as file:
        for start, size in json.loads(mine):
            file.seek(start)
            part = Part(name="Observation.000.ndjson", content=file.read(size), first=start)
            batch = READER.collect(part, source, lambda _: None)
            assert not batch.bad
            facts += batch.facts.height
    return _used(began) | {"rows": facts}


def _used(since: tuple[float, float]) -> dict[str, float]:
    """Seconds and processor seconds since then, and the peak memory of this process in MiB."""
    seconds, processor = (now - then for now, then in zip(_clocks(), since, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "processor": processor, "mib": peak}


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def ours(path: Path) -> dict[str, float]:
    """The collector in two processes: seconds from the word to the last, memory of both."""
    every = parts(path)
    crew = [
        subprocess.Popen(
            [sys.executable, __file__, "--worker", str(path), json.dumps(every[at::PROCESSES])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **thread_limits(1), "PYTHONPATH": ":".join(sys.path)},
            text=True,
        )
        for at in range(PROCESSES)
    ]
    for one in crew:
        assert one.stdout is not None
        one.stdout.readline()
    began = time.perf_counter()
    for one in crew:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    told = [json.loads(one.communicate()[0]) for one in crew]
    seconds = time.perf_counter() - began
    summed = {name: sum(one[name] for one in told) for name in ("processor", "mib", "rows")}
    return {"seconds": seconds} | summed


def measured_floor(path: Path, what: str) -> dict[str, float]:
    """One floor, in a fresh process."""
    command = [sys.executable, __file__, "--floor", str(path), what]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def compared(path: Path, rounds: int) -> None:
    """Print ours and the floors, interleaved: the least of each, and the ratio of every round."""
    gigabytes = path.stat().st_size / 1e9
    every: dict[str, list[dict[str, float]]] = {what: [] for what in FLOORS}
    mine: list[dict[str, float]] = []
    for _ in range(rounds):
        for what in FLOORS:
            every[what].append(measured_floor(path, what))
        mine.append(ours(path))
    print(f"\n{gigabytes:.2f} GB, {rounds} rounds, the least of each:")
    _row("Bedside, 2 processes", mine, gigabytes)
    for what, found in every.items():
        _row(f"DuckDB, 2 threads: {what}", found, gigabytes)
        for name in ("seconds", "processor"):
            least = min(one[name] for one in mine) / min(one[name] for one in found)
            both = sorted(a[name] / b[name] for a, b in zip(mine, found, strict=True))
            print(
                f"    Bedside / this, {name}: least of each {least:.2f}, median of rounds "
                f"{median(both):.2f} ({both[0]:.2f} to {both[-1]:.2f})"
            )


def _row(name: str, found: list[dict[str, float]], gigabytes: float) -> None:
    seconds, processor = (min(one[key] for one in found) for key in ("seconds", "processor"))
    print(
        f"  {name}: {seconds:.2f} s ({seconds / gigabytes:.2f} s/GB), processor {processor:.2f} s, "
        f"memory {max(one['mib'] for one in found):.0f} MiB, {found[0]['rows']:,.0f} rows"
    )


def main() -> None:
    """Generate, measure, and print."""
    words: Any = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--mb", type=int, nargs="+", default=[100, 1000], help="size of the files")
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    words.add_argument("--floor", nargs=2, help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.worker:
        print(json.dumps(worker(*given.worker)))
    elif given.floor:
        print(json.dumps(floor(*given.floor)))
    else:
        for size in given.mb:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "generated.ndjson"
                lines = write_ndjson(path, size)
                print(f"{size} MB generated: {lines:,} resources", flush=True)
                compared(path, given.rounds)


if __name__ == "__main__":
    main()
