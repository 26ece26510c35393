"""The policies of a workspace, their tests and their changes, as words and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedside.core.clock import iso
from bedside.core.errors import Invalid, NotFound
from bedside.core.records.policy import ROLE_WORDS, PolicyText
from bedside.core.records.policy_version import PolicyVersion
from bedside.governance.policy_testing import TableRow
from bedside.governance.policy_words import question_words
from bedside.interop.policy_table import read_policy_table
from bedside.lifecycle.own_policies import PolicyChange

if TYPE_CHECKING:
    from bedside.core.records.policy_table import PolicyTable
    from bedside.lifecycle.platform import Platform

__all__ = [
    "change_json",
    "change_words",
    "policies_in",
    "policies_words",
    "shown_json",
    "shown_words",
    "table_of",
    "tested_json",
    "tested_words",
    "version_json",
]

LARGEST = 1 << 20  # bytes of a file
SOLO = (
    "Nobody was given a role yet: this workspace is one person's own, and whoever can open it\n"
    "holds every role. From the first 'bedside access grant' on, roles count strictly."
)


def policies_in(file: Path) -> str:
    """The text of a file of policies.

    Raises:
        NotFound: it is not there.
        Invalid: it is too large, or no text.
    """
    try:
        return _content(file).decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid("The file is no text.", fix="write the policies as UTF-8.") from None


def table_of(file: Path | None) -> "PolicyTable":
    """A table of decisions: of a file, or the shipped one.

    Raises:
        NotFound: it is not there.
        Invalid: it is no table.
    """
    shipped = files("bedside.governance.policies") / "decisions.yaml"
    content = shipped.read_bytes() if file is None else _content(file)
    return read_policy_table(content, file="decisions.yaml" if file is None else file.name)


def _content(file: Path) -> bytes:
    if not file.is_file():
        raise NotFound("There is no such file.", fix="give the path of one.")
    if file.stat().st_size > LARGEST:
        raise Invalid("The file is larger than 1 MiB.", fix="give a smaller one.")
    return file.read_bytes()


def policies_words(policies: Sequence[PolicyText]) -> str:
    """Each policy in a line."""
    return "\n".join(
        f"{'forbids' if one.forbids else 'permits'}  {one.name}: {one.words}"
        + (f" Until {one.expires}." if one.expires else "")
        for one in policies
    )


def shown_json(platform: "Platform", name: str | None) -> dict[str, Any]:
    """How a workspace decides; or one policy."""
    if name is not None:
        return asdict(_named(platform, name))
    return {
        "roles_count": platform.people.is_strict(),
        "grants": [
            {"who": one.person, "role": one.role.value, "counts": one.counts(platform.clock.now())}
            for one in platform.people.grants()
        ],
        "policies": [asdict(one) for one in platform.policies.describe()],
        "own": [version_json(one) for one in platform.own_policies.all()],
    }


def shown_words(platform: "Platform", name: str | None) -> str:
    """How a workspace decides, in words; or one policy as it was written."""
    if name is not None:
        one = _named(platform, name)
        return f"{one.words}\n({one.origin})\n\n{one.text}"
    now = platform.clock.now()
    held = [one for one in platform.people.grants() if one.counts(now)]
    people = [
        f"  {person}: {', '.join(one.role.value for one in held if one.person == person)}"
        for person in dict.fromkeys(one.person for one in held)
    ]
    roles = [f"  {role.value}: {words}" for role, words in ROLE_WORDS.items()]
    own = [
        f"  {one.origin}, version {one.version} by {one.by} on {iso(one.added)[:10]}: "
        f"{one.decision}{'' if one.text else ' (taken back)'}"
        for one in platform.own_policies.all()
    ]
    parts = [
        "\n".join(["Roles count strictly.", *people]) if platform.people.is_strict() else SOLO,
        "\n".join(["The roles:", *roles]),
        policies_words(platform.policies.describe()),
        *(["\n".join(["The workspace's own policies:", *own])] if own else []),
    ]
    return "\n\n".join(parts)


def _named(platform: "Platform", name: str) -> PolicyText:
    for one in platform.policies.describe():
        if one.name == name:
            return one
    raise NotFound("There is no such policy.", fix="see them all: bedside policy list.")


def tested_json(rows: Sequence[TableRow]) -> dict[str, Any]:
    """Each row of a table and what became of it."""
    return {
        "rows": len(rows),
        "differing": [_row_json(one) for one in rows if not one.holds],
    }


def tested_words(rows: Sequence[TableRow]) -> str:
    """The rows that differ, and how many there are."""
    wrong = [one for one in rows if not one.holds]
    if not wrong:
        return f"All {len(rows)} decisions are as the table says."
    told = [_row_words(one) for one in wrong]
    return "\n".join([*told, f"{len(wrong)} of {len(rows)} decisions are not as the table says."])


def _row_json(row: TableRow) -> dict[str, Any]:
    return {
        "row": row.row,
        "asked": question_words(row.asked),
        "expected": row.wanted.expected,
        "by": row.wanted.by,
        "allowed": row.decision.allowed,
        "policies": list(row.decision.policies),
    }


def _row_words(row: TableRow) -> str:
    said = "allowed" if row.decision.allowed else "refused"
    by = f" by {', '.join(row.decision.policies)}" if row.decision.policies else ""
    named = f" by {row.wanted.by}" if row.wanted.by else ""
    return (
        f"Row {row.row}: {question_words(row.asked)}\n"
        f"  It is {said}{by}; the table says {row.wanted.expected}{named}."
    )


def change_json(change: PolicyChange) -> dict[str, Any]:
    """What would be others."""
    return {
        "added": [one.name for one in change.added],
        "changed": [one.name for one in change.changed],
        "gone": [one.name for one in change.gone],
        "decisions": [_row_json(one) for one in change.decisions],
    }


def change_words(change: PolicyChange) -> str:
    """What would be others, in words."""
    lines = [
        f"{what}  {one.name}: {one.words}"
        for what, some in (("new    ", change.added), ("changed", change.changed),
                           ("gone   ", change.gone))
        for one in some
    ]  # fmt: skip
    for row in change.decisions:
        said = "allowed" if row.decision.allowed else "refused"
        lines.append(f"{said} then: {question_words(row.asked)}")
    return "\n".join(lines) or "Nothing would be different."


def version_json(one: PolicyVersion) -> dict[str, Any]:
    """One version."""
    return {
        "policies": one.origin,
        "version": one.version,
        "sha256": one.sha256,
        "by": one.by,
        "added": iso(one.added),
        "decision": one.decision,
        "taken_back": not one.text,
    }
