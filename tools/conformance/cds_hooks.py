"""CDS Hooks messages of HL7's validator and of the specification, against our own checks of them.

Three suites: whether each case is judged as the reference validator judges it, whether each error
that it reports is found at its place, and whether the specification's own examples are accepted.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

from bedside.interop.cds_hooks.checking import (
    Problem,
    check_discovery,
    check_feedback,
    check_request,
    check_response,
)
from conformance.suite import UNEXPLAINED, Case, Suite, members

__all__ = ["run"]

FOLDER = "cds-hooks-cases"
_CHECKS: dict[str, Callable[[bytes], tuple[Problem, ...]]] = {
    "CDSHooksRequest": check_request,
    "CDSHooksResponse": check_response,
    "CDSHooksServices": check_discovery,
    "request": check_request,
    "response": check_response,
    "discovery": check_discovery,
    "feedback": check_feedback,
}
_PROFILE = (
    "the error is that the definition of a FHIR extension, which is published elsewhere, was not "
    "at hand; the extension itself is well formed"
)
_EXTENSION = (
    "the specification lets an extension have any member; the reference validator knows only those "
    "that were registered with it"
)
_EXAMPLES = {
    "request/input__pagecontent__index__3": (
        "the example writes ids with a non-breaking hyphen, and draft orders without a fullUrl, "
        "which the reference validator refuses in its own cases"
    ),
    "request/old-docs__examples__2": (
        "the example, of version 1.x, gives a draft order without a fullUrl, which the reference "
        "validator refuses in its own cases"
    ),
    "response/input__pagecontent__index__20": (
        "the example's card has no indicator, which the same page calls required"
    ),
}


def run(data: Path) -> tuple[Suite, ...]:
    """Judge every case and every example.

    Args:
        data: The folder that holds `cds-hooks-cases`, zipped or not.
    """
    files = members(data / FOLDER)
    verdicts: list[Case] = []
    errors: list[Case] = []
    for told in json.loads(files["manifest.json"])["test-cases"]:
        kind = told["logical_model"].rpartition("/")[2]
        message = files[told["file"]]
        problems = _CHECKS[kind](message)
        expected = _expected(files[told["expected_outcome"]], kind, message)
        verdicts.append(_verdict(told["name"], kind, problems, expected))
        errors += [_found(told["name"], kind, one, problems) for one in expected]
    examples = [
        _example(name, content) for name, content in files.items() if name.startswith("docs/")
    ]
    return (
        Suite(name="CDS Hooks: HL7's validator cases", cases=tuple(verdicts)),
        Suite(name="CDS Hooks: the errors it reports there", cases=tuple(errors)),
        Suite(name="CDS Hooks: the specification's examples", cases=tuple(examples)),
    )


def _expected(outcome: bytes, kind: str, message: bytes) -> list[tuple[str, str]]:
    """Place and text of each error, the place as our checks write it."""
    found = []
    keys = list(json.loads(message).get("prefetch", {}))
    for issue in json.loads(outcome).get("issue", []):
        if issue["severity"] not in ("error", "fatal"):
            continue
        place = re.sub(r"/\*[^*]*\*/", "", issue["expression"][0])
        place = place.removeprefix(kind).removeprefix(".")
        if sent := re.match(r"prefetch\[(\d+)\]\.value", place):
            place = f"prefetch.{keys[int(sent[1])]}{place[sent.end() :]}"
        found.append((place, issue["details"]["text"]))
    return found


def _verdict(
    name: str, kind: str, problems: tuple[Problem, ...], expected: list[tuple[str, str]]
) -> Case:
    if bool(problems) == bool(expected):
        return Case(name=name, group=kind, status="pass")
    reason = UNEXPLAINED
    if not problems and all("Unrecognized property" in text for _, text in expected):
        reason = _EXTENSION
    rules = {(one.where.rpartition(".")[2], one.rule) for one in problems}
    if problems and rules <= {("summary", "length"), ("type", "required")}:
        reason = "; ".join(_TEXT_ONLY[rule] for rule in sorted(rules))
    return Case(name=name, group=kind, status="fail", reason=reason)


_TEXT_ONLY = {
    ("summary", "length"): (
        "the summary has 140 characters or more, which the specification forbids and the reference "
        "validator does not look at"
    ),
    ("type", "required"): (
        "a link has no type, which the specification calls required and the reference validator "
        "does not look at"
    ),
}


def _found(name: str, kind: str, error: tuple[str, str], problems: tuple[Problem, ...]) -> Case:
    place, text = error
    told = f"{name}: {place}"
    ours = {one.where for one in problems}
    missing = re.match(r"[A-Za-z.]+\.([A-Za-z]+): minimum required", text)
    wanted = {place} | ({f"{place}.{missing.group(1)}"} if missing else set())
    if wanted & ours:
        return Case(name=told, group=kind, status="pass")
    reason = UNEXPLAINED
    if "could not be found so is not allowed" in text:
        reason = _PROFILE
    elif "Unrecognized property" in text:
        reason = _EXTENSION
    return Case(name=told, group=kind, status="fail", reason=reason)


def _example(name: str, content: bytes) -> Case:
    kind = name.split("/")[1]
    told = name.removeprefix("docs/").removesuffix(".json")
    if kind not in _CHECKS:
        return Case(
            name=told, group=kind, status="not_run", reason="a fragment, not a whole message"
        )
    problems = _CHECKS[kind](content)
    if not problems:
        return Case(name=told, group=kind, status="pass")
    return Case(name=told, group=kind, status="fail", reason=_EXAMPLES.get(told, UNEXPLAINED))
