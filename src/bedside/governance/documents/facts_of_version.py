"""What a workspace keeps of a version: its seal, its stage, who approved it, what came after."""

from bedside.governance.documents.case import Case
from bedside.governance.documents.document import Line

__all__ = [
    "approvals",
    "built",
    "card",
    "compared",
    "environment",
    "evaluated",
    "gates",
    "identity",
    "live",
    "local",
    "made_by",
    "seal_of_card",
    "sealed",
    "sources",
    "stage",
    "test_log",
    "third_parties",
]

_EVALUATING = ("evaluate", "site.validate")


def identity(case: Case) -> list[Line]:
    """Its id, and the digest of the sealed bundle."""
    if not case.version:
        return []
    return [
        case.kept("Version", case.version["id"], ("id",)),
        case.kept("SHA-256 of the bundle", case.version["bundle"], ("bundle",)),
    ]


def stage(case: Case) -> list[Line]:
    """Where it is in its life."""
    return [case.kept("Stage", case.version["stage"], ("stage",))] if case.version else []


def built(case: Case) -> list[Line]:
    """When it was built."""
    return [case.kept("Built", case.version["built_at"], ("built_at",))] if case.version else []


def sealed(case: Case) -> list[Line]:
    """That bytes and signature were checked when this was written."""
    told = case.version.get("seal")
    if told is None:
        return []
    text = f"{told['files']} files, each with its digest in a manifest; the signature holds"
    return [case.kept("Bundle", text, ("seal",))]


def third_parties(case: Case) -> list[Line]:
    """The libraries that it takes to run it."""
    told = case.version.get("libraries")
    if not told:
        return []
    names = ", ".join(f"{one['name']} {one['version']}" for one in told)
    text = f"{len(told)} libraries of others (sbom.json and licences.json in the bundle): {names}"
    return [case.kept("Libraries", text, ("libraries",))]


def environment(case: Case) -> list[Line]:
    """The machine and the versions with which it was built."""
    told = case.version.get("environment")
    if not told:
        return []
    text = ", ".join(f"{name} {value}" for name, value in told.items())
    return [case.kept("Built with", text, ("environment",))]


def approvals(case: Case) -> list[Line]:
    """Who approved which step, when, and what it means."""
    return [
        case.kept(
            f"Approved for {one['step']}",
            f"{one['name']}, {one['approved_at']}: {one['meaning']}",
            ("approvals", at),
        )
        for at, one in enumerate(case.version.get("approvals", ()))
    ]


def gates(case: Case) -> list[Line]:
    """Each gate, and whether the evidence passes it."""
    return [
        case.kept("Passed" if one["passed"] else "NOT passed", one["text"], ("gates", at))
        for at, one in enumerate(case.version.get("gates", ()))
    ]


def test_log(case: Case) -> list[Line]:
    """What the ledger, which is signed and dated, holds of this version."""
    return [
        case.kept(
            f"Ledger entry {one['sequence']}",
            f"{one['action']} by {one['actor']}, {one['at']}",
            ("records", at),
        )
        for at, one in enumerate(case.version.get("records", ()))
    ]


def evaluated(case: Case) -> list[Line]:
    """Who judged it on other patients."""
    return [
        case.kept("Evaluated by", f"{one['actor']}, {one['at']}", ("records", at))
        for at, one in enumerate(case.version.get("records", ()))
        if one["action"] in _EVALUATING
    ]


def local(case: Case) -> list[Line]:
    """That it was validated on the patients of this place."""
    return [
        case.kept("Validated here", f"{one['actor']}, {one['at']}", ("records", at))
        for at, one in enumerate(case.version.get("records", ()))
        if one["action"] == "site.validate"
    ]


def live(case: Case) -> list[Line]:
    """What was looked at since it went into use."""
    return [
        case.kept("Watched", f"{one['action']}, {one['at']}", ("records", at))
        for at, one in enumerate(case.version.get("records", ()))
        if one["action"].startswith("monitor")
    ]


def card(case: Case) -> list[Line]:
    """The CHAI card that lies beside, by its digest."""
    told = case.version.get("card")
    if told is None:
        return []
    text = f"{told['file']}, {told['size']:,} bytes, digest {told['sha256']}"
    return [case.kept("CHAI card", text, ("card",))]


def seal_of_card(case: Case) -> list[Line]:
    """The signature of the card; there is none yet."""
    told = case.version.get("card", {}).get("signature")
    return [] if told is None else [case.kept("Signature", told, ("card", "signature"))]


def sources(case: Case) -> list[Line]:
    """The sealed files that documents are made from, by their digests."""
    return [
        case.kept(f"SHA-256 of {name}", digest, ("made_from", name))
        for name, digest in case.version.get("made_from", {}).items()
    ]


def made_by(case: Case) -> list[Line]:
    """The program that writes documents."""
    told = case.version.get("program")
    return [] if told is None else [case.kept("Written by", told, ("program",))]


def compared(case: Case) -> list[Line]:
    """That it was compared with another version."""
    return [
        case.kept("Compared", f"{one['actor']}, {one['at']}", ("records", at))
        for at, one in enumerate(case.version.get("records", ()))
        if one["action"] == "compare"
    ]
