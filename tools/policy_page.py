"""Writes docs/reference/policies.md from the shipped policies; --check refuses a stale one."""

import re
import sys
from pathlib import Path

from bedside.cli.doors import ACTS
from bedside.core.records.policy import ACT_WORDS, ROLE_WORDS, Act
from bedside.core.records.purpose import PURPOSE_WORDS, Purpose
from bedside.governance.adapters.cedar_policies import CedarPolicies
from bedside.governance.shipped_policies import shipped_policies

PAGE = Path("docs/reference/policies.md")
OPENING = """\
# Who may do what, and for which purpose

Written by `make docs` from the policies in `src/bedside/governance/policies/`. Do not edit this
page by hand.

Every command, every route of a server and every verb on patients' data goes through one door. The
door asks: *who* (and which roles they hold), *what* (one of the acts below), *with which data*
(identified, de-identified or none), *for which purpose*, and *what the patients said*. What no
policy permits is refused; what one policy forbids no other can permit; a policy that cannot be
evaluated refuses. A refusal is written to the ledger with the names of the policies, and `bedside
policy explain WHO WHAT WHICH --purpose WHY` says why in these words.

How to work with them: [Govern data and models](../howto/govern.md).
"""
CLOSING = """\
## Bounds

- On the command line, who acts is the user of the operating system. Bedside authenticates them no
  further: whoever can read the workspace's folder and keys as that user is that user. While
  nobody was given a role, `--actor` only says who acted; once roles count, it is refused but for
  `service:NAME`, to those who run services.
- A grant of a role, and a consent, lie in the workspace's database, and the ledger tells of each
  change. A hospital's own policies are signed as well, and one that was changed outside of
  Bedside refuses everything.
- What `bedside deid` releases needs, beside this door, two signatures where roles count; while
  nobody holds a role it needs none, since there is nobody else who could sign. Notes without a
  certificate and labelled notes leave as identified rows, so that `export-identified-rows` must
  permit it too: [approvals](approvals.md#release-of-files).
- An exported scoring server (`bedside deploy export`) holds no workspace: it checks the scopes of
  its clients, and no policy.
- Of a patient's record a build reads the codes that its declaration names: they are in the
  question that the policies are asked (`context.columns`), so that a hospital's own policy may
  limit them.
"""


def page() -> str:
    """The whole page."""
    policies = CedarPolicies(shipped_policies()).describe()
    parts = [OPENING, "## What nobody may do\n"]
    parts.append(
        "\n".join(f"- {one.words} (`{one.name}`)" for one in policies if one.forbids) + "\n"
    )
    parts.append("## Who may do what\n")
    head = "| to … | who, and for what | policy | commands |\n|---|---|---|---|"
    rows = [
        f"| {ACT_WORDS[act]} (`{act.value}`) | {'<br>'.join(one.words for one in found)} "
        f"| {'<br>'.join(f'`{one.name}`' for one in found)} | {_commands(act)} |"
        for act in Act
        if (found := [one for one in policies if not one.forbids and act.value in one.acts])
    ]
    parts.append("\n".join([head, *rows]) + "\n")
    parts.append("## Roles\n")
    parts.append(
        "\n".join(f"- `{role.value}`: {words}" for role, words in ROLE_WORDS.items()) + "\n"
    )
    parts.append("## Purposes\n")
    parts.append(
        "Codes of HL7 Version 3 (ActReason, PurposeOfUse). `--purpose` takes the code, or words "
        "such as `research`, `treatment`,\n`model development`, `quality and safety`, `audit`.\n"
    )
    parts.append("| code | what for | a kind of |\n|---|---|---|\n" + "\n".join(_purposes()) + "\n")
    parts.append(CLOSING)
    return "\n".join(parts)


def _commands(act: Act) -> str:
    found = [f"`{name}`" for name, one in ACTS.items() if one is act]
    return ", ".join(found) or "routes of a server"


def _purposes() -> list[str]:
    return [
        f"| `{one.value}` | {words} | {'' if one.above is None else f'`{one.above.value}`'} |"
        for one, words in PURPOSE_WORDS.items()
        if one is not Purpose.UNKNOWN
    ]


def main() -> int:
    """Write the page, or say that it is stale."""
    told = re.sub(r"\n{3,}", "\n\n", page())
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(told)
        return 0
    if PAGE.is_file() and PAGE.read_text() == told:
        return 0
    print(f"{PAGE} is stale. Fix: run 'make docs'.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
