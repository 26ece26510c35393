"""What `bedside site` prints."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bedside.core.records.evidence import figure_text
from bedside.core.records.site import Trusted
from bedside.core.records.version import ModelVersion
from bedside.develop.evaluate.external_page import in_order
from bedside.lifecycle.site_onboarding import Onboarded
from bedside.lifecycle.site_reporting import Received
from bedside.lifecycle.site_trust import fingerprint_of
from bedside.lifecycle.site_validating import Validated

__all__ = [
    "listed_words",
    "onboarded_words",
    "published_words",
    "pulled_json",
    "pulled_words",
    "received_words",
    "trusted_json",
    "trusted_words",
    "validated_json",
    "validated_words",
]

_SHOWN = 6  # figures


def published_words(packet: Path, days: int) -> str:
    """What was written, and what to do with it."""
    return (
        f"{packet} ({packet.stat().st_size:,} bytes), good for {days} days, and the signed index "
        f"beside it.\nServe the folder over https, or carry the packet: bedside site pull FILE."
    )


def trusted_json(one: Trusted) -> dict[str, Any]:
    """A trusted key as one JSON document."""
    return {**asdict(one), "fingerprint": fingerprint_of(one.mark)}


def trusted_words(one: Trusted) -> str:
    """Who is trusted now, and as what."""
    what = "releases are taken" if one.role == "hub" else "reports are received"
    where = "" if one.url is None else f", from {one.url}"
    return f"{one.name} is trusted as a {one.role}: its {what}{where}.\n" + (
        f"Fingerprint: {fingerprint_of(one.mark)}"
    )


def pulled_json(hub: Trusted, taken: tuple[ModelVersion, ...]) -> dict[str, Any]:
    """What was taken in as one JSON document."""
    return {
        "hub": hub.name,
        "versions": [
            {"version": one.id, "stage": one.stage.value, "gates_passed": one.gates_passed}
            for one in taken
        ],
    }


def pulled_words(hub: Trusted, taken: tuple[ModelVersion, ...]) -> str:
    """What was taken in, and what comes next."""
    if not taken:
        return f"{hub.name} offers nothing new."
    lines = []
    for one in taken:
        lines += [
            f"{one.id} is here, from {hub.name}, checked to the byte. It answers nobody yet.",
            f"Next: bedside site onboard {one.id} --data FOLDER, then "
            f"bedside site validate {one.id} --data FOLDER",
        ]
    return "\n".join(lines)


def validated_json(done: Validated) -> dict[str, Any]:
    """A validation as one JSON document."""
    return {
        "version": done.version.id,
        "bundle": done.version.bundle,
        "snapshot": done.snapshot,
        "passed": done.passed,
        "gates": [asdict(gate) for gate in done.gates],
        "metrics": done.evidence["metrics"],
        "out_of_fold": done.out_of_fold,
        "page": None if done.page is None else str(done.page),
    }


def validated_words(done: Validated) -> str:
    """The gates here, the first figures, and what comes next."""
    how = ", each judged by a fit on others of them" if done.out_of_fold else ""
    lines = [f"{done.version.id} on this site's own patients{how}:"]
    names = [name for name in in_order(done.evidence["metrics"]) if not name.startswith("alerts_")]
    lines += [
        f"  {name:<26} {figure_text(done.evidence['metrics'][name])}" for name in names[:_SHOWN]
    ]
    lines += [f"  {'✓' if gate.passed else '✗'} {gate.text}" for gate in done.gates]
    if not done.gates:
        lines.append("! Its declaration has no gate: whoever approves it judges alone.")
    if done.page is not None:
        lines.append(f"Page: {done.page}")
    name = done.version.id
    lines.append(
        f"Next: bedside approve {name} --name '…' --meaning '…'"
        if done.passed
        else f"It may not be released here. Next: bedside recalibrate {name} --data FOLDER, and "
        "validate what that makes; or leave the model."
    )
    return "\n".join(lines)


def onboarded_words(done: Onboarded) -> str:
    """The verdict, why, and what else was found."""
    told, verdict = done.told, done.verdict
    signs = {"go": "✓ GO", "recalibrate": "↻ RECALIBRATE FIRST", "no-go": "✗ NO-GO for now"}
    lines = [f"{signs[verdict.word]}: {done.version.id} on {told['patients']} patients here."]
    for one in verdict.reasons:
        lines += [f"  {one.text}", f"    → {one.do}"]
    reasons = {one.text for one in verdict.reasons}
    lines += [f"! {one['text']}" for one in told["found"] if one["text"] not in reasons]
    for name, figure in (
        ("AUROC at the build", told["built"].get("auroc")),
        ("AUROC to expect here", told["expected"]),
        ("AUROC measured here", told["measured"].get("metrics", {}).get("auroc")),
    ):
        if figure is not None:
            lines.append(f"  {name:<22} {figure_text(figure)}")
    if told["sample"] and told["sample"] not in reasons:
        lines.append(f"! {told['sample']}")
    return "\n".join([*lines, f"Page: {done.page}"])


def received_words(done: Received) -> str:
    """Whose report it is, and what it says in short."""
    lines = [f"Report {done.report.sequence} of {done.site.name}, {done.report.made_at[:16]}Z:"]
    lines += list(_told_versions(asdict(done.report)))
    return "\n".join([*lines, f"Page: {done.page}"])


def listed_words(told: Mapping[str, Any]) -> str:
    """What is offered and validated here, and what the sites tell."""
    lines: list[str] = []
    for hub in told["hubs"]:
        lines.append(f"Hub {hub['name']} ({hub['fingerprint']}), {hub['url'] or 'by file'}:")
        lines += [
            f"  {one['version']:<36} offered up to {one['stage']:<7} "
            f"{'taken' if one['taken'] else 'not taken'}"
            for one in hub["offers"]
        ] or ["  it was not looked at yet: bedside site pull"]
    if told["versions"]:
        lines.append("From hubs, here:")
        lines += [
            f"  {one['version']:<36} {one['stage']:<10} {_validated(one['validated'])}"
            for one in told["versions"]
        ]
    for site in told["sites"]:
        if site["report"] is None:
            lines.append(f"Site {site['name']}: no report yet.")
            continue
        lines.append(f"Site {site['name']}, {site['report']['made_at'][:16]}Z:")
        lines += list(_told_versions(site["report"]))
    return "\n".join(lines) or "No hub and no site is trusted here: bedside site trust NAME KEYFILE"


def _validated(passed: bool | None) -> str:
    return {None: "not validated", True: "validated", False: "✗ failed its validation"}[passed]


def _told_versions(report: Mapping[str, Any]) -> Iterator[str]:
    for one in report["versions"]:
        local = one["local"] or {"figures": {}, "subjects": None}
        names = in_order(local["figures"])
        figure = f"{names[0]} {figure_text(local['figures'][names[0]])}" if names else ""
        count = f"{local['subjects']:,} patients" if local["subjects"] is not None else ""
        parts = [one["stage"], _validated(one["passed"]), count, figure]
        yield f"  {one['version']:<36} {', '.join(part for part in parts if part)}"
