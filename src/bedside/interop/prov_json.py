"""W3C PROV in JSON: what was made from what, by which activity, for whom.

Source: W3C PROV-DM (Recommendation, 2013-04-30) and the PROV-JSON submission (2013-04-24).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bedside.core.ids import digest_bytes
from bedside.core.records.ledger import LedgerEntry
from bedside.core.records.lineage import Edge, Node

__all__ = ["PREFIXES", "ProvDocument", "prov_document", "prov_faults"]

PREFIXES = {"bedside": "https://bedside.health/prov/", "prov": "http://www.w3.org/ns/prov#"}
_KINDS = ("snapshot", "version", "report", "prediction")
_NAMED = {"snapshot": "snapshot", "version": "version", "report": "report",
          "prediction_id": "prediction"}  # fmt: skip
_MAKES = frozenset({"snapshot", "build.done", "evaluate", "answer", "score", "recalibrate"})
_RELATIONS = {  # relation: its two ends, and of which kind each must be
    "wasGeneratedBy": (("prov:entity", "entity"), ("prov:activity", "activity")),
    "used": (("prov:activity", "activity"), ("prov:entity", "entity")),
    "wasAssociatedWith": (("prov:activity", "activity"), ("prov:agent", "agent")),
    "wasDerivedFrom": (("prov:generatedEntity", "entity"), ("prov:usedEntity", "entity")),
    "wasAttributedTo": (("prov:entity", "entity"), ("prov:agent", "agent")),
}


@dataclass(slots=True)
class ProvDocument:
    """A document under construction."""

    parts: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def add(self, kind: str, name: str, told: Mapping[str, Any]) -> None:
        """Add a thing, or more of what is said of it."""
        self.parts.setdefault(kind, {}).setdefault(name, {}).update(told)

    def relate(self, kind: str, first: str, second: str, **more: Any) -> None:
        """Add a relation; the same one again adds nothing."""
        (one, _), (other, _) = _RELATIONS[kind]
        told = {one: first, other: second, **{f"prov:{name}": v for name, v in more.items()}}
        name = f"_:{digest_bytes(f'{kind} {first} {second}'.encode())[:16]}"
        self.parts.setdefault(kind, {}).setdefault(name, told)

    def as_json(self) -> dict[str, Any]:
        """The document."""
        return {"prefix": dict(PREFIXES), **self.parts}


def prov_document(entries: Iterable[LedgerEntry], edges: Iterable[Edge]) -> dict[str, Any]:
    """The ledger's entries as activities with their agents, and the lineage between entities.

    Nothing of a patient is in it: entities are named by digests and ids.
    """
    document = ProvDocument()
    for entry in entries:
        _of_entry(document, entry)
    for edge in edges:
        _of_edge(document, edge)
    return document.as_json()


def prov_faults(document: Mapping[str, Any]) -> list[str]:
    """What breaks PROV: a relation to nothing, a thing of two kinds, a time out of order.

    Source: W3C PROV-CONSTRAINTS, constraints 50 to 56 (typing and disjointness) and 30 (start
    precedes end); that derivations have no cycle follows from the order of generations.
    """
    return [*_ends(document), *_kinds(document), *_times(document), *_circles(document)]


def _of_entry(document: ProvDocument, entry: LedgerEntry) -> None:
    activity, agent = f"bedside:entry-{entry.sequence}", _agent(entry.actor)
    document.add("agent", agent, {"prov:type": _agent_type(entry.actor), "prov:label": entry.actor})
    told = {
        "prov:startTime": entry.at,
        "prov:endTime": entry.at,
        "prov:type": f"bedside:{entry.action}",
        "bedside:purpose": entry.purpose,
        "bedside:hash": entry.hash,
    }
    document.add("activity", activity, told)
    document.relate("wasAssociatedWith", activity, agent)
    made = _made_by(entry)
    for node in _nodes_of(entry):
        name = _entity(document, node)
        if node == made:
            document.relate("wasGeneratedBy", name, activity, time=entry.at)
            document.relate("wasAttributedTo", name, agent)
        else:
            document.relate("used", activity, name, time=entry.at)
            if made is not None:
                document.relate("wasDerivedFrom", _entity(document, made), name)


def _of_edge(document: ProvDocument, edge: Edge) -> None:
    output, source = _entity(document, edge.output), _entity(document, edge.source)
    if output == source:
        return
    document.relate("wasDerivedFrom", output, source)


def _nodes_of(entry: LedgerEntry) -> Iterator[Node]:
    for name, kind in _NAMED.items():
        value = entry.details.get(name)
        if isinstance(value, str):
            yield Node(kind=kind, id=value)  # type: ignore[arg-type]


def _made_by(entry: LedgerEntry) -> Node | None:
    """What an entry says was made: of the things that it names, the last of the chain."""
    found = list(_nodes_of(entry)) if entry.action in _MAKES else []
    return max(found, key=lambda node: _KINDS.index(node.kind), default=None)


def _entity(document: ProvDocument, node: Node) -> str:
    name = f"bedside:{node.kind}-{_safe(node.id)}"
    document.add("entity", name, {"prov:type": f"bedside:{node.kind}", "prov:label": node.id})
    return name


def _agent(actor: str) -> str:
    return f"bedside:agent-{_safe(actor)}"


def _agent_type(actor: str) -> str:
    return "prov:Person" if actor.startswith("user:") else "prov:SoftwareAgent"


def _safe(text: str) -> str:
    """A local name: what cannot stand in one is replaced, and a digest keeps it apart."""
    plain = "".join(
        one if (one.isascii() and one.isalnum()) or one in "-_." else "-" for one in text
    )
    return plain if plain == text else f"{plain}-{digest_bytes(text.encode())[:8]}"


def _ends(document: Mapping[str, Any]) -> Iterator[str]:
    for kind, ends in _RELATIONS.items():
        for told in document.get(kind, {}).values():
            for name, of in ends:
                if told.get(name) not in document.get(of, {}):
                    yield f"{kind} leads to no {of}."


def _kinds(document: Mapping[str, Any]) -> Iterator[str]:
    entities, activities = set(document.get("entity", {})), set(document.get("activity", {}))
    if entities & activities:
        yield "Something is both an entity and an activity."
    known = {"_", *document["prefix"]}
    for kind, names in document.items():
        if kind != "prefix" and any(name.partition(":")[0] not in known for name in names):
            yield "A name has a prefix that is not declared."


def _times(document: Mapping[str, Any]) -> Iterator[str]:
    activities = document.get("activity", {})
    for told in activities.values():
        if told["prov:endTime"] < told["prov:startTime"]:
            yield "An activity ends before it starts."
    for told in document.get("used", {}).values():
        if told.get("prov:time", "") > activities[told["prov:activity"]]["prov:endTime"]:
            yield "An activity uses something after its end."


def _circles(document: Mapping[str, Any]) -> Iterator[str]:
    made_of: dict[str, list[str]] = {}
    for told in document.get("wasDerivedFrom", {}).values():
        made_of.setdefault(told["prov:generatedEntity"], []).append(told["prov:usedEntity"])
    done: set[str] = set()
    for start in made_of:
        path, left = {start: iter(made_of.get(start, ()))}, [start]
        while left:
            beyond = next(path[left[-1]], None)
            if beyond is None:
                done.add(left[-1])
                del path[left.pop()]
            elif beyond in path:
                yield "Something is derived from itself."
                return
            elif beyond not in done:
                path[beyond] = iter(made_of.get(beyond, ()))
                left.append(beyond)
