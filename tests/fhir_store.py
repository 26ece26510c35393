"""What a FHIR server holds in memory: transactions with conditional creates, reads, searches.

Our own, written from FHIR R4 ("RESTful API", "Search", "Bundle"), for a server of the tests. What
it does not know it refuses, as a strict server does.
"""

import copy
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

__all__ = ["Refusal", "Store"]

Resource = dict[str, Any]
_RESULTS = {"_count", "_offset", "_sort", "_elements"}


class Refusal(Exception):
    """What the server does not take: an HTTP status and the code of an issue."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class Store:
    """Resources by type and id; a transaction is carried out whole or not at all."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.now = now
        self.kept: dict[str, dict[str, Resource]] = {}
        self.numbers: Counter[str] = Counter()

    def transact(self, bundle: Resource) -> Resource:
        """The response Bundle. Source: FHIR R4, "transaction processing rules"."""
        if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
            raise Refusal(400, "invalid")
        before = copy.deepcopy(self.kept), Counter(self.numbers)
        try:
            return {
                "resourceType": "Bundle",
                "type": "transaction-response",
                "entry": [{"response": one} for one in self._carried_out(bundle["entry"])],
            }
        except (KeyError, TypeError, ValueError):
            self.kept, self.numbers = before
            raise Refusal(400, "structure") from None
        except Refusal:
            self.kept, self.numbers = before
            raise

    def read(self, kind: str, name: str) -> Resource:
        found = self.kept.get(kind, {}).get(name)
        if found is None:
            raise Refusal(404, "not-found")
        return found

    def search(self, kind: str, asked: list[tuple[str, str]]) -> list[Resource]:
        """Every resource that fits all parameters, the one that changed first in front."""
        if any(name not in _PARAMETERS and name not in _RESULTS for name, _ in asked):
            raise Refusal(400, "not-supported")
        found = [one for one in self.kept.get(kind, {}).values() if _fits_all(one, asked)]
        return sorted(found, key=lambda one: one["meta"]["lastUpdated"])

    def _carried_out(self, entries: list[Resource]) -> list[Resource]:
        places: list[tuple[str, str, bool]] = []
        renamed: dict[str, str] = {}
        for entry in entries:
            kind, name, is_new = self._place(entry)
            places.append((kind, name, is_new))
            if "fullUrl" in entry:
                renamed[entry["fullUrl"]] = f"{kind}/{name}"
        answers = []
        for entry, (kind, name, is_new) in zip(entries, places, strict=True):
            if is_new:
                self._keep(kind, name, _with_references(entry["resource"], renamed))
            answers.append(
                {"status": "201 Created" if is_new else "200 OK", "location": f"{kind}/{name}"}
            )
        return answers

    def _place(self, entry: Resource) -> tuple[str, str, bool]:
        """The type and id that an entry gets, and whether it is to be kept."""
        request, kind = entry["request"], entry["resource"]["resourceType"]
        if request["method"] == "PUT":
            named, _, name = request["url"].partition("/")
            if named != kind or not name:
                raise Refusal(400, "invalid")
            return kind, name, True
        if request["method"] != "POST" or request["url"] != kind:
            raise Refusal(400, "not-supported")
        if condition := request.get("ifNoneExist"):
            found = self.search(kind, parse_qsl(condition, strict_parsing=True))
            if len(found) > 1:
                raise Refusal(412, "multiple-matches")
            if found:
                return kind, found[0]["id"], False
        self.numbers[kind] += 1
        return kind, f"{kind.lower()}-{self.numbers[kind]}", True

    def _keep(self, kind: str, name: str, resource: Resource) -> None:
        known = self.kept.setdefault(kind, {})
        version = int(known[name]["meta"]["versionId"]) + 1 if name in known else 1
        at = self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        meta = {**resource.get("meta", {}), "versionId": str(version), "lastUpdated": at}
        known[name] = {**resource, "id": name, "meta": meta}


def _with_references(resource: Resource, renamed: dict[str, str]) -> Resource:
    """The resource with each reference inside the Bundle made one inside the server."""

    def changed(part: Any) -> Any:
        if isinstance(part, dict):
            return {
                key: renamed.get(value, value)
                if key == "reference" and isinstance(value, str)
                else changed(value)
                for key, value in part.items()
            }
        return [changed(one) for one in part] if isinstance(part, list) else part

    made: Resource = changed(resource)
    if "urn:uuid:" in json.dumps([*_references(made)]):
        raise Refusal(400, "invalid")  # it leads to nothing
    return made


def _references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [value for key, value in part.items() if key == "reference" and value]
        return own + [one for value in part.values() for one in _references(value)]
    return [one for value in part for one in _references(value)] if isinstance(part, list) else []


def _fits_all(resource: Resource, asked: list[tuple[str, str]]) -> bool:
    return all(_PARAMETERS[name](resource, value) for name, value in asked if name not in _RESULTS)


def _is_about(resource: Resource, value: str) -> bool:
    about = {"reference": f"Patient/{value}"}
    return about in (resource.get("subject"), resource.get("patient"))


def _has_code(resource: Resource, value: str) -> bool:
    codings = resource.get("code", {}).get("coding", [])
    return _has_token([(one.get("system"), one.get("code")) for one in codings], value)


def _has_combo_code(resource: Resource, value: str) -> bool:
    return any(_has_code(one, value) for one in (resource, *resource.get("component", [])))


def _has_identifier(resource: Resource, value: str) -> bool:
    told = resource.get("identifier", [])
    return _has_token([(one.get("system"), one.get("value")) for one in told], value)


def _has_tag(resource: Resource, value: str) -> bool:
    told = resource["meta"].get("tag", [])
    return _has_token([(one.get("system"), one.get("code")) for one in told], value)


def _changed(resource: Resource, value: str) -> bool:
    at = datetime.fromisoformat(resource["meta"]["lastUpdated"])
    limit = datetime.fromisoformat(value[2:])
    return {"ge": at >= limit, "gt": at > limit, "le": at <= limit, "lt": at < limit}[value[:2]]


_PARAMETERS: dict[str, Callable[[Resource, str], bool]] = {
    "_id": lambda resource, value: resource["id"] in value.split(","),
    "_lastUpdated": _changed,
    "_tag": _has_tag,
    "code": _has_code,
    "combo-code": _has_combo_code,
    "identifier": _has_identifier,
    "patient": _is_about,
    "status": lambda resource, value: resource.get("status") in value.split(","),
}


def _has_token(told: list[tuple[Any, Any]], value: str) -> bool:
    """Whether one of these is a token that is asked for: `system|code`, several by commas."""
    wanted = [tuple(one.split("|", 1)) for one in value.split(",")]
    return any(one in told for one in wanted)
