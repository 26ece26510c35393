"""FHIR R4 resources, released element by element: what no rule names does not come out.

The rules are `fhir_rules.csv`: by the path of an element, or by its type, as R4 defines both. The
path counts before the type. An element that R4 does not know, an extension that is not listed and
every `_element` stay behind.
"""

import base64
import binascii
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from bedside.core.errors import Invalid
from bedside.core.records.identifier import IdentifierKind
from bedside.interop.fhirpath.model import elements_of, is_a, is_resource, known
from bedside.interop.strict_json import decode
from bedside.privacy.events import coded_identifiers
from bedside.privacy.fields.actions import FieldActions, patient_uuid

__all__ = ["FhirRelease", "fhir_rules"]

_DECODER: "msgspec.json.Decoder[dict[str, Any]]" = msgspec.json.Decoder(dict[str, Any])
_PUBLIC = (
    "http://hl7.org/fhir/", "http://terminology.hl7.org/", "http://loinc.org",
    "http://snomed.info/sct", "http://unitsofmeasure.org", "http://www.nlm.nih.gov/research/umls/",
    "http://www.ama-assn.org/go/cpt", "http://dicom.nema.org/", "https://www.nubc.org/",
    "http://www.nubc.org/", "http://www.whocc.no/atc", "http://www.cms.gov/",
    "http://hl7.org/fhir", "urn:ietf:bcp:", "urn:iso:std:iso:", "https://bluebutton.cms.gov/resources/",
)  # fmt: skip
_REFERENCE = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)/([A-Za-z0-9.\-]{1,64})(?:/_history/.*)?")
_UNIT = re.compile(r"[A-Za-z%/{}\[\]().^*µμ°0-9 _'-]{1,24}")
_CODE = re.compile(r"[^\s@]{1,64}(?: [^\s@]{1,32}){0,3}")
_NUMERIC = frozenset({"decimal", "integer", "positiveInt", "unsignedInt"})
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?")
_SAMPLES = re.compile(r"[0-9EUL. +\-]*")
_SUBJECT_KEYS = ("subject", "patient", "beneficiary", "individual", "for", "focus")
_LOINC = "http://loinc.org"


@cache
def fhir_rules() -> dict[str, str]:
    """The rule of each path and type."""
    return {row["path"]: row["rule"] for row in _read("fhir_rules.csv")}


@cache
def _extensions() -> frozenset[str]:
    return frozenset(row["url"] for row in _read("fhir_extensions.csv"))


def _read(name: str) -> Iterator[dict[str, str]]:
    text = files("bedside.privacy.fields").joinpath(name).read_text("utf-8")
    yield from csv.DictReader(text.splitlines())


@dataclass(slots=True)
class FhirRelease:
    """Releases resources, one after another; references between them still lead to each other.

    Args:
        actions: What is done with a field.
    """

    actions: FieldActions
    _urns: dict[str, tuple[str, str]] = field(default_factory=dict)
    _now: int | None = None

    def json(self, content: bytes) -> bytes:
        """One resource or Bundle as JSON.

        Raises:
            Invalid: it is no JSON object, or no resource of R4; the text repeats nothing of it.
        """
        return msgspec.json.encode(self.resource(decode(_DECODER, content, "The resource")))

    def ndjson(self, content: bytes) -> bytes:
        """Resources, one to a line; lines that are none are left out and counted."""
        done = []
        for line in content.splitlines():
            if line.strip():
                try:
                    done.append(self.json(line))
                except Invalid:
                    self.actions.lost["a line that is no resource"] += 1
        return b"".join(one + b"\n" for one in done)

    def resource(self, told: dict[str, Any], *, contained: bool = False) -> dict[str, Any]:
        """One resource, released; one that is contained in another has an id of that one's.

        Raises:
            Invalid: it is no resource of R4.
        """
        kind = told.get("resourceType")
        if not isinstance(kind, str) or not known(kind) or not is_resource(kind):
            raise Invalid(
                "This is no resource of FHIR R4.", fix="give JSON with a resourceType of R4."
            )
        if kind == "Bundle":
            self._learn(told)
        before, self._now = self._now, self._subject_of(told, kind)
        try:
            done = self._node(told, kind, kind)
            if kind == "Observation":
                self._cap_age(told, done)
            head: dict[str, Any] = {"resourceType": kind}
            if isinstance(told.get("id"), str):
                head["id"] = self._id("#" if contained else kind, told["id"])
            return head | {name: value for name, value in done.items() if name not in head}
        finally:
            self._now = before

    def _learn(self, bundle: dict[str, Any]) -> None:
        """Which resource each `urn:uuid:` of a Bundle is."""
        for entry in _dicts(bundle.get("entry")):
            inner, url = entry.get("resource"), entry.get("fullUrl")
            if isinstance(inner, dict) and isinstance(url, str):
                kind, told = inner.get("resourceType"), inner.get("id")
                if isinstance(kind, str) and url.startswith("urn:"):
                    self._urns[url] = (kind, told if isinstance(told, str) else url)

    def _subject_of(self, told: dict[str, Any], kind: str) -> int | None:
        """Whose record it is: the patient's, or nobody's."""
        if kind == "Patient" and isinstance(told.get("id"), str):
            return self.actions.subject(told["id"])
        for key in _SUBJECT_KEYS:
            for one in _dicts(told.get(key)):
                place = self._place(one.get("reference"))
                if place is not None and place[0] == "Patient":
                    return self.actions.subject(place[1])
        return self._now

    def _place(self, written: Any) -> tuple[str, str] | None:
        """The type and id that a reference leads to."""
        if not isinstance(written, str):
            return None
        if written in self._urns:
            return self._urns[written]
        found = _REFERENCE.fullmatch(written)
        if found is not None and known(found[1]):
            return found[1], found[2]
        return ("", written) if written.startswith("urn:uuid:") else None

    def _id(self, kind: str, old: str) -> str:
        if kind == "Patient":
            return patient_uuid(self.actions.vault.pseudonym(self.actions.subject(old)))
        return self.actions.new_id(kind, old)

    def _node(self, told: dict[str, Any], kind: str, path: str) -> dict[str, Any]:
        """The elements of a node that a rule lets out."""
        types, done = elements_of(kind), {}
        for name, value in told.items():
            if name in ("resourceType", "id") and is_resource(kind):
                continue
            of = types.get(name)
            if of is None or name.startswith("_"):
                if name != "resourceType":
                    self.actions.lost[f"{path}: an element that R4 does not know"] += 1
                continue
            released = self._value(value, of, f"{path}.{name}")
            if released not in (None, {}, [], ""):
                done[name] = released
        return done

    def _value(self, value: Any, kind: str, path: str) -> Any:
        if isinstance(value, list):
            every = (self._value(one, kind, path) for one in value)
            return [one for one in every if one not in (None, {}, [], "")]
        rule = self._rule(kind, path)
        if rule == "drop":
            self.actions.lost[path] += 1
            return None
        if rule == "":  # a part of a resource, with elements of its own
            if not isinstance(value, dict):
                return None
            if is_a(kind, "Resource"):
                return self._inner(value, contained=path.endswith(".contained"))
            return self._node(value, kind, path if known(path) else kind)
        act = getattr(self, f"_do_{rule}")
        return act(value, kind, path)

    def _inner(self, told: dict[str, Any], *, contained: bool) -> dict[str, Any] | None:
        try:
            return self.resource(told, contained=contained)
        except Invalid:
            self.actions.lost["a resource that R4 does not know"] += 1
            return None

    def _rule(self, kind: str, path: str) -> str:
        rules = fhir_rules()
        owner, _, name = path.rpartition(".")
        for named in (path, f"{owner.rpartition('.')[2]}.{name}", kind):
            if named in rules:
                return rules[named]
        return "" if elements_of(kind) and kind[:1].isupper() else "drop"

    def _do_keep(self, value: Any, kind: str, path: str) -> Any:
        """Only what is of its type: words where R4 has a number could be anybody's."""
        if kind == "boolean" or isinstance(value, bool):
            return value if kind == "boolean" and isinstance(value, bool) else None
        if kind in _NUMERIC:
            return value if isinstance(value, int | float) else None
        if not isinstance(value, str) or (kind == "time" and not _TIME.fullmatch(value)):
            self.actions.lost[path] += 1
            return None
        return value

    def _do_text(self, value: Any, _: str, path: str) -> Any:
        return self.actions.text(self._now, value, path) if isinstance(value, str) else None

    def _do_date(self, value: Any, kind: str, path: str) -> Any:
        return self.actions.date(self._now, value) if isinstance(value, str) else None

    def _do_instant(self, value: Any, kind: str, path: str) -> Any:
        return self.actions.date(self._now, value, whole=True) if isinstance(value, str) else None

    def _do_birth_date(self, value: Any, kind: str, path: str) -> Any:
        if not isinstance(value, str):
            return None
        return self.actions.date(self._now, value, kind="birth_date")

    def _do_code(self, value: Any, kind: str, path: str) -> Any:
        return value if isinstance(value, str) and _CODE.fullmatch(value) else None

    def _do_uri(self, value: Any, kind: str, path: str) -> Any:
        return value if isinstance(value, str) and value.startswith(_PUBLIC) else None

    def _do_unit(self, value: Any, kind: str, path: str) -> Any:
        return value if isinstance(value, str) and _UNIT.fullmatch(value) else None

    def _do_samples(self, value: Any, kind: str, path: str) -> Any:
        return value if isinstance(value, str) and _SAMPLES.fullmatch(value) else None

    def _do_coding(self, value: Any, kind: str, path: str) -> Any:
        if not isinstance(value, dict):
            return None
        system, code, words = (value.get(name) for name in ("system", "code", "display"))
        done = {}
        if self._do_uri(system, "", ""):
            done["system"] = system
        if self._do_code(code, "", ""):
            done["code"] = code
            if done.get("system") and isinstance(words, str):
                done["display"] = words
        return done

    def _do_address(self, value: Any, kind: str, path: str) -> Any:
        if not isinstance(value, dict):
            return None
        parts = {"city": "place", "district": "place", "state": "state", "country": "state"}
        done = {
            name: self.actions.place(kind, value[name])
            for name, kind in parts.items()
            if isinstance(value.get(name), str)
        }
        if isinstance(value.get("postalCode"), str):
            done["postalCode"] = self.actions.postcode(value["postalCode"])
        return {name: one for name, one in done.items() if one}

    def _do_identifier(self, value: Any, kind: str, path: str) -> Any:
        """A record's own number gets a stand-in; what sort of number it is, stays."""
        if not isinstance(value, dict) or not isinstance(value.get("value"), str):
            return None
        sort = _NUMBERS.get(_type_code(value), IdentifierKind.OTHER)
        if "ssn" in str(value.get("system", "")):
            sort = IdentifierKind.SOCIAL_SECURITY
        drawn = self.actions.number(self._now, sort, value["value"])
        if drawn is None:
            self.actions.lost[path] += 1
            return None
        done: dict[str, Any] = {"value": drawn}
        if isinstance(value.get("type"), dict):
            done["type"] = self._node(value["type"], "CodeableConcept", "CodeableConcept")
        return done

    def _do_reference(self, value: Any, kind: str, path: str) -> Any:
        if not isinstance(value, dict):
            return None
        written = value.get("reference")
        if isinstance(written, str) and written.startswith("#"):
            return {"reference": f"#{self.actions.new_id('#', written[1:])}"}
        place = self._place(written)
        if place is None:
            self.actions.lost[f"{path}: a reference that leads to no record"] += 1
            return None
        new = self._id(*place)
        is_urn = isinstance(written, str) and written.startswith("urn:")
        return {"reference": f"urn:uuid:{new}" if is_urn else f"{place[0]}/{new}"}

    def _do_full_url(self, value: Any, kind: str, path: str) -> Any:
        place = self._place(value)
        return None if place is None else f"urn:uuid:{self._id(*place)}"

    def _do_extension(self, value: Any, kind: str, path: str) -> Any:
        if not isinstance(value, dict) or value.get("url") not in _extensions():
            self.actions.lost["an extension that is not listed"] += 1
            return None
        done = self._node({k: v for k, v in value.items() if k != "url"}, "Extension", "Extension")
        return {"url": value["url"], **done} if done else None

    def _do_meta(self, value: Any, kind: str, path: str) -> Any:
        kept = ("profile", "security", "tag")
        told = (
            {name: value[name] for name in kept if name in value} if isinstance(value, dict) else {}
        )
        return self._node(told, "Meta", "Meta")

    def _do_note(self, value: Any, kind: str, path: str) -> Any:
        if not isinstance(value, dict) or not isinstance(value.get("text"), str):
            return None
        cleaned = self.actions.text(self._now, value["text"], path)
        return None if cleaned is None else {"text": cleaned}

    def _do_attachment(self, value: Any, kind: str, path: str) -> Any:
        """What sort of document it was; a plain text comes with it, once it is cleaned."""
        if not isinstance(value, dict):
            return None
        done = {
            name: value[name]
            for name in ("contentType", "language")
            if self._do_code(value.get(name), "", "")
        }
        written, sort = value.get("data"), str(value.get("contentType", ""))
        if isinstance(written, str) and sort.startswith("text/plain"):
            try:
                text = base64.b64decode(written, validate=True).decode("utf-8")
            except (binascii.Error, UnicodeDecodeError, ValueError):
                return done
            cleaned = self.actions.text(self._now, text, path)
            if cleaned is not None:
                done["data"] = base64.b64encode(cleaned.encode()).decode()
        elif written is not None:
            self.actions.lost[path] += 1
        return done

    def _do_age(self, value: Any, kind: str, path: str) -> Any:
        if not isinstance(value, dict):
            return None
        done = self._node(value, "Quantity", "Quantity")
        years = done.get("value")
        if isinstance(years, int | float) and done.get("code", "a") == "a":
            done["value"] = self.actions.age(years)
        return done

    def _cap_age(self, told: dict[str, Any], done: dict[str, Any]) -> None:
        """An Observation that says how old somebody is."""
        concept = told.get("code")
        codes = _dicts(concept.get("coding")) if isinstance(concept, dict) else []
        kinds = {coded_identifiers().get(f"LOINC//{one.get('code')}") for one in codes}
        quantity = done.get("valueQuantity")
        if "age" in kinds and isinstance(quantity, dict):
            done["valueQuantity"] = self._do_age(told["valueQuantity"], "Age", "Observation.value")


# HL7 table 0203, http://terminology.hl7.org/CodeSystem/v2-0203
_NUMBERS = {
    "MR": IdentifierKind.RECORD_NUMBER,
    "PI": IdentifierKind.RECORD_NUMBER,
    "SS": IdentifierKind.SOCIAL_SECURITY,
    "SB": IdentifierKind.SOCIAL_SECURITY,
    "NI": IdentifierKind.SOCIAL_SECURITY,
    "DL": IdentifierKind.LICENCE,
    "PPN": IdentifierKind.LICENCE,
    "NPI": IdentifierKind.LICENCE,
    "AN": IdentifierKind.ACCOUNT,
    "MB": IdentifierKind.HEALTH_PLAN,
    "SN": IdentifierKind.HEALTH_PLAN,
    "SNO": IdentifierKind.DEVICE,
}


def _type_code(identifier: dict[str, Any]) -> str:
    told = identifier.get("type")
    for one in _dicts(told.get("coding")) if isinstance(told, dict) else []:
        if isinstance(one.get("code"), str):
            return str(one["code"])
    return ""


def _dicts(value: Any) -> list[dict[str, Any]]:
    """A node, or the nodes of a list."""
    nodes = value if isinstance(value, list) else [value]
    return [one for one in nodes if isinstance(one, dict)]
