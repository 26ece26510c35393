"""A view over Observations, column by column, against fhirpathpy asked one resource at a time.

Peer: `fhirpathpy`, with every path compiled once and its model of R4 loaded once. Both make the
same columns of the same decoded resources, and these are compared before anything is timed. The
peer is asked about a part of the resources, since it takes long; both are given per resource.

    python benchmarks/view_definitions.py [--resources 100000] [--peer 1000] [--rounds 5] [--json]
"""

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import fhirpathpy
import msgspec
from fhirpathpy.models import models

from bedside.interop.sql_on_fhir import read_view, run_view

PATHS = {
    "id": "id",
    "status": "status",
    "code": "code.coding.where(system = 'http://loinc.org').code.first()",
    "value": "value.ofType(Quantity).value",
    "unit": "value.ofType(Quantity).code",
    "effective": "effective.ofType(dateTime)",
    "issued": "issued",
    "subject": "subject.reference",
    "encounter": "encounter.reference",
    "high": "value.ofType(Quantity).value > 100",
}
VIEW = {
    "resourceType": "ViewDefinition",
    "resource": "Observation",
    "select": [{"column": [{"name": name, "path": path} for name, path in PATHS.items()]}],
}


def observations(count: int) -> list[Any]:
    """Vital signs that look like Synthea's, decoded from NDJSON."""
    codes = [("8867-4", "/min", 70.0), ("8480-6", "mm[Hg]", 120.0), ("29463-7", "kg", 80.0)]
    lines = []
    for number in range(count):
        code, unit, value = codes[number % 3]
        lines.append(
            {
                "resourceType": "Observation",
                "id": f"o{number}",
                "status": "final",
                "category": [{"coding": [{"code": "vital-signs", "display": "Vital signs"}]}],
                "code": {
                    "coding": [
                        {"system": "http://acme.org/local", "code": f"L{number % 3}"},
                        {"system": "http://loinc.org", "code": code, "display": "A vital sign"},
                    ]
                },
                "subject": {"reference": f"Patient/p{number % 997}"},
                "encounter": {"reference": f"Encounter/e{number % 4999}"},
                "effectiveDateTime": f"2026-01-{1 + number % 28:02d}T08:{number % 60:02d}:00Z",
                "issued": f"2026-01-{1 + number % 28:02d}T09:{number % 60:02d}:00.000Z",
                "valueQuantity": {
                    "value": value + number % 50,
                    "unit": unit,
                    "system": "http://unitsofmeasure.org",
                    "code": unit,
                },
            }
        )
    decoder = msgspec.json.Decoder()
    return decoder.decode_lines(msgspec.json.Encoder().encode_lines(lines))


def peer(resources: list[Any]) -> Callable[[], dict[str, list[Any]]]:
    """Every resource and every path, asked one by one."""
    asked = {name: fhirpathpy.compile(path, models["r4"]) for name, path in PATHS.items()}

    def run() -> dict[str, list[Any]]:
        columns: dict[str, list[Any]] = {name: [] for name in asked}
        for resource in resources:
            for name, ask in asked.items():
                found = ask(resource)
                columns[name].append(found[0] if found else None)
        return columns

    return run


def seconds(work: Callable[[], Any]) -> float:
    """How long one run takes, without the collector's pauses."""
    gc.collect()
    gc.disable()
    started = time.perf_counter()
    work()
    taken = time.perf_counter() - started
    gc.enable()
    return taken


def plain(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The columns as JSON has them: the peer gives decimals where ours gives floats."""
    return {
        name: [v if v is None or isinstance(v, str | bool) else float(v) for v in values]
        for name, values in columns.items()
    }


def main() -> None:
    """Compare, measure in turns, print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resources", type=int, default=100_000)
    parser.add_argument("--peer", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    resources = observations(options.resources)
    part = resources[: options.peer]
    view = read_view(json.dumps(VIEW).encode())
    ask_peer = peer(part)
    assert plain(ask_peer()) == plain(run_view(view, part).columns), "the columns differ"

    ours, theirs = [], []
    for _ in range(options.rounds):
        ours.append(seconds(lambda: run_view(view, resources)) / len(resources))
        theirs.append(seconds(ask_peer) / len(part))
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    result = {
        "columns": len(PATHS),
        "resources": len(resources),
        "ours_us": statistics.median(ours) * 1e6,
        "fhirpathpy_us": statistics.median(theirs) * 1e6,
        "ratio": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
    }
    if options.json:
        print(json.dumps(result))
        return
    print(
        f"{len(PATHS)} columns of {len(resources)} Observations: {result['ours_us']:.2f} us each; "
        f"fhirpathpy {result['fhirpathpy_us']:.0f} us each."
    )
    print(
        f"Ratio to fhirpathpy: {result['ratio']:.0f} times as fast ({min(ratios):.0f} to "
        f"{max(ratios):.0f})."
    )


if __name__ == "__main__":
    main()
