"""`make conformance`: every suite that others wrote, run; each case that does not pass, explained.

python tools/conformance/report.py DATA [--json FILE] [SUITE...]
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from itertools import groupby
from pathlib import Path

from conformance.suite import Case, Suite

__all__ = ["SUITES", "main", "ran", "words"]

SUITES = (
    "sql_on_fhir",
    "fhirpath",
    "fhir_examples",
    "hl7v2",
    "ccda",
    "open_mhealth",
    "wfdb",
    "meds",
    "cds_hooks",
)


def ran(data: Path, names: Sequence[str] = SUITES) -> tuple[list[Suite], list[str]]:
    """The suites that ran, and for each whose data are not in the folder a line that says so."""
    suites, absent = [], []
    for name in names:
        try:
            found = import_module(f"conformance.{name}").run(data)
        except FileNotFoundError as error:
            absent.append(f"{name}: not run. {error}")
            continue
        suites += [found] if isinstance(found, Suite) else list(found)
    return suites, absent


def words(suites: Sequence[Suite], absent: Sequence[str]) -> str:
    """The figures of every suite, and below them the cases that do not pass, by their reason."""
    lines = [f"{'suite':<44} {'cases':>6} {'pass':>6} {'fail':>6} {'not run':>8}"]
    for suite in suites:
        counts = [suite.count(status) for status in ("pass", "fail", "not_run")]
        cases = len(suite.cases)
        lines.append(f"{suite.name:<44} {cases:>6} {counts[0]:>6} {counts[1]:>6} {counts[2]:>8}")
    lines += absent
    for suite in suites:
        lines += _experimental(suite)
    for suite in suites:
        if suite.not_passed:
            lines += ["", f"{suite.name}: what does not pass, and why"]
            lines += _explained(suite.not_passed)
    unexplained = sum(len(suite.unexplained) for suite in suites)
    lines += ["", f"Unexplained: {unexplained}."]
    return "\n".join(lines)


def _experimental(suite: Suite) -> list[str]:
    """The cases that the suite itself calls experimental, one by one."""
    cases = [case for case in suite.cases if case.group == "experimental"]
    if not cases:
        return []
    told = [f"  {case.status.replace('_', ' ')}: {case.name}" for case in cases]
    return ["", f"{suite.name}: its experimental cases, one by one", *told]


def _explained(cases: Sequence[Case]) -> list[str]:
    counts = Counter(case.reason for case in cases)
    ordered = sorted(cases, key=lambda one: (-counts[one.reason], one.reason, one.group, one.name))
    lines = []
    for reason, alike in groupby(ordered, key=lambda one: one.reason):
        lines.append(f"  {counts[reason]} × {reason or 'unexplained'}")
        lines += [f"      {one.status.replace('_', ' ')}: {one.group}: {one.name}" for one in alike]
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; 1 if a case does not pass and nobody has said why."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path, help="the folder that holds the suites' own folders")
    parser.add_argument("suites", nargs="*", help=f"of: {', '.join(SUITES)}; all if not given")
    parser.add_argument("--json", type=Path, help="also write every case here")
    given = parser.parse_args(arguments)
    unknown = set(given.suites) - set(SUITES)
    if unknown or not given.data.is_dir():
        what = f"no suite {', '.join(sorted(unknown))}" if unknown else f"no folder {given.data}"
        print(f"There is {what}. Fix: name one of {', '.join(SUITES)}, or give DATA=DIR.")
        return 2
    suites, absent = ran(given.data, given.suites or SUITES)
    if given.json is not None:
        given.json.write_text(json.dumps([asdict(suite) for suite in suites], indent=1))
    print(words(suites, absent))
    return 1 if any(suite.unexplained for suite in suites) else 0


if __name__ == "__main__":
    raise SystemExit(main())
