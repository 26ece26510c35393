"""What a workspace shows of its own safeguards, as one file that documents can cite."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bedside.core.clock import iso
from bedside.core.records.client import Client
from bedside.core.records.evidence import count_shown
from bedside.core.records.key import KEYS
from bedside.core.records.purpose import PURPOSE_WORDS, purpose_of
from bedside.lifecycle.ledger_verify import LedgerReport
from bedside.lifecycle.platform import Platform

__all__ = ["Around", "facts_of_workspace"]

_LEAVES = frozenset(
    {"deploy.export", "export", "ledger.export", "prediction.export", "score.export",
     "site.publish", "site.report"}
)  # fmt: skip
"""Acts by which something leaves a workspace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What stands around a workspace, as far as its own settings say.

    Args:
        verified: What a verification of the ledger found just now.
        clients: The programs that may ask, without what they are known by.
        issuer: Whether an OpenID provider is named.
        certificates: Whether an authority is named whose certificates clients are known by.
        session_hours: After how long whoever signed in must do so again; None: nobody signs in.
        behind_proxy: Whether a proxy that ends TLS is declared to be the only way in.
    """

    verified: LedgerReport
    clients: tuple[Client, ...] = ()
    issuer: bool = False
    certificates: bool = False
    session_hours: int | None = None
    behind_proxy: bool = False


def facts_of_workspace(platform: Platform, around: Around) -> dict[str, Any]:
    """The facts, for canonical JSON; no patient is named, and one to ten are not counted."""
    now = platform.clock.now()
    purposes: Counter[str] = Counter()
    done: Counter[str] = Counter()
    for entry in platform.ledger.entries():
        purposes[PURPOSE_WORDS.get(purpose_of(entry.purpose), entry.purpose)] += 1
        done[entry.action] += 1
    report = around.verified
    return {
        "looked_at": iso(now),
        "people": {
            "strict": platform.people.is_strict(),
            "roles": [
                {"person": one.person, "role": one.role.value, "given": iso(one.given)}
                for one in platform.people.grants()
                if one.counts(now)
            ],
        },
        "clients": [_client(one, now) for one in around.clients],
        "access": {
            "issuer": around.issuer,
            "certificates": around.certificates,
            "session_hours": around.session_hours,
            "behind_proxy": around.behind_proxy,
        },
        "policies": [
            {"name": one.name, "words": one.words, "forbids": one.forbids, "origin": one.origin}
            for one in platform.policies.describe()
        ],
        "own_policies": len(platform.own_policies.all()),
        "ledger": {
            "entries": report.entries,
            "faults": len(report.faults) + len(report.checkpoint_faults),
            "checkpoints": report.checkpoints,
            "newest": report.newest,
            "cosigned": report.cosigned,
            "places": len(report.places),
        },
        "keys": [
            {
                "name": one.name,
                "protects": KEYS.get(one.name, ""),
                "where": one.where,
                "versions": len(one.versions),
            }
            for one in platform.keys.describe()
        ],
        "seals": {
            "bundles": len(platform.registry.versions()),
            "snapshots": len(platform.store.entries()),
        },
        "data_sets": _data_sets(platform),
        "purposes": {name: count_shown(many) for name, many in sorted(purposes.items())},
        "left": {name: count_shown(many) for name, many in sorted(done.items()) if name in _LEAVES},
        "refused": count_shown(done["policy.refused"]),
        "erasures": count_shown(done["erase"]),
        "backups": done["backup"],
        "consents": count_shown(len(platform.consents.all())),
        "risks": _risks(platform.folder / "reports"),
    }


def _client(client: Client, now: Any) -> dict[str, str]:
    ended = client.revoked is not None or (client.expires is not None and client.expires <= now)
    return {
        "name": client.name,
        "known_by": "certificate" if client.subject else "token, of which only a digest is kept",
        "state": "ended" if ended else "in force",
    }


def _data_sets(platform: Platform) -> list[dict[str, Any]]:
    """The newest state of each data set."""
    newest = {entry.name: entry for entry in platform.store.entries()}
    return [
        {
            "name": entry.name,
            "zone": entry.zone.value,
            "release_mode": platform.store.opened(entry).manifest.release_mode,
            "events": count_shown(entry.rows),
            "subjects": count_shown(entry.subjects),
        }
        for entry in newest.values()
    ]


def _risks(reports: Path) -> list[dict[str, Any]]:
    """The reports of `bedside deid risk` that lie in the workspace."""
    found = []
    for file in sorted(reports.rglob("risk.json")):
        told = json.loads(file.read_bytes())
        wanted = ("data", "made_at", "k", "wanted_k", "is_enough")
        found.append({name: told[name] for name in wanted if name in told})
    return found
