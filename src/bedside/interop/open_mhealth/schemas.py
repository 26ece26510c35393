"""The schemas of Open mHealth, and what a document lacks to follow one; nothing is fetched."""

import re
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from jsonschema import FormatChecker
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry, Resource
from referencing.exceptions import NoSuchResource, Unresolvable
from referencing.jsonschema import DRAFT4, DRAFT7

from bedside.core.errors import Invalid
from bedside.interop.strict_json import decode_as

__all__ = ["SchemaName", "Schemas", "Verdict", "no_files"]

Verdict = Literal["follows", "breaks", "no schema", "schema incomplete"]
"""`no schema`: it is not among those here; `schema incomplete`: one that it refers to is not."""

_BASE = "https://w3id.org/openmhealth/schemas/"
_IEEE = "https://w3id.org/ieee/ieee-1752-schema/"
_VERSION = re.compile(r"(\d{1,3})(?:\.(\d{1,3}|x))?")
_WORD = re.compile(r"[a-z0-9][a-z0-9-]{0,80}")


class SchemaName(msgspec.Struct, frozen=True):
    """A schema as a data point names it: `version` may be a range, `1.x`."""

    namespace: str
    name: str
    version: str


def no_files(name: str) -> bytes | None:
    """A source that has no files beside its points."""
    return None


class Schemas:
    """The schemas, and what was compiled from them so far.

    Args:
        content: One JSON object: file name to schema, or to the name of the file that it links to.
        beside: Gives a file of the source by its name, for schemas of IEEE 1752 that the source
            keeps beside its points.

    Raises:
        Invalid: the content is not such an object.
    """

    def __init__(self, content: bytes, beside: Callable[[str], bytes | None] = no_files) -> None:
        self._files = decode_as(dict[str, Any], content, "The schemas")
        self._beside = beside
        self._validators: dict[str, Validator | None] = {}
        self._whole: dict[str, bool] = {}
        self._registry: Registry[Any] = Registry()
        self._load([_BASE + file for file in self._files])

    def verdict(self, name: SchemaName, document: Any) -> Verdict:
        """Whether the document follows the schema."""
        validator = self._validator(name)
        if validator is None:
            return "no schema"
        try:
            return "follows" if validator.is_valid(document) else "breaks"
        except Unresolvable:
            return "schema incomplete"
        except (RecursionError, OverflowError):
            return "breaks"

    def names(self) -> tuple[SchemaName, ...]:
        """Every schema, a range of versions not counted."""
        found = []
        for file, schema in self._files.items():
            namespace, _, rest = file.removesuffix(".json").partition("/")
            name, _, version = rest.rpartition("-")
            if isinstance(schema, dict):
                found.append(SchemaName(namespace, name, version))
        return tuple(found)

    def _validator(self, name: SchemaName) -> Validator | None:
        file = self._file_of(name)
        if file is None:
            return None
        if file not in self._validators:
            self._validators[file] = self._compiled(file)
        return self._validators[file]

    def _file_of(self, name: SchemaName) -> str | None:
        """The file of a schema; of a range, the highest version in it."""
        version = _VERSION.fullmatch(name.version)
        if version is None or not (_WORD.fullmatch(name.name) and _WORD.fullmatch(name.namespace)):
            return None
        if version[2] not in {None, "x"}:
            return f"{name.namespace}/{name.name}-{int(version[1])}.{int(version[2])}.json"
        return self._newest(f"{name.namespace}/{name.name}-{int(version[1])}.")

    def _newest(self, start: str) -> str | None:
        """Of a range of versions, the highest all of whose parts are here, or else the highest."""
        ends = [file.removeprefix(start) for file in self._files if file.startswith(start)]
        minors = [int(end[:-5]) for end in ends if end[:-5].isdecimal()]
        files = [f"{start}{minor}.json" for minor in sorted(minors, reverse=True)]
        return next((file for file in files if self._is_whole(file)), files[0] if files else None)

    def _is_whole(self, file: str) -> bool:
        """Whether a schema and all that it refers to are here."""
        if file not in self._whole:
            self._whole[file] = True  # while it is looked at: it may refer to itself
            self._whole[file] = all(
                self._has(ref) for ref in _references(_BASE + file, self._files[file])
            )
        return self._whole[file]

    def _has(self, address: str) -> bool:
        try:
            if address.startswith(_IEEE):
                found = self._from_beside(address)
                return all(self._has(ref) for ref in _references(address, found))
            file = self._resolved(address)
        except NoSuchResource:
            return False
        return self._is_whole(file)

    def _resolved(self, address: str) -> str:
        """The file that an address of Open mHealth stands for."""
        file: str | None = address.removeprefix(_BASE)
        if file is not None and file.endswith(".x.json"):
            file = self._newest(file.removesuffix("x.json"))
        if file is None or not isinstance(self._files.get(file), dict):
            raise _absent(address)
        return file

    def _compiled(self, file: str) -> Validator | None:
        is_ieee = file.startswith("ieee/")
        address = _IEEE + file.removeprefix("ieee/") if is_ieee else _BASE + file
        if address not in self._registry:
            self._load([address])
        if address not in self._registry:
            return None
        kind = validator_for(self._registry.contents(address))
        return kind({"$ref": address}, registry=self._registry, format_checker=_FORMATS)

    def _load(self, addresses: list[str]) -> None:
        """Put schemas, and all that they refer to, where validators find them."""
        found: dict[str, Resource[Any]] = {}
        while addresses:
            address = addresses.pop()
            if address in found or address in self._registry:
                continue
            try:
                schema = self._schema(address)
            except NoSuchResource:
                continue
            found[address] = _resource(schema)
            addresses += _references(address, schema)
        self._registry = self._registry.with_resources(found.items()).crawl()

    def _schema(self, address: str) -> dict[str, Any]:
        """The schema at an address: from those here, or for IEEE 1752 from beside the points."""
        if address.startswith(_IEEE):
            return self._from_beside(address)
        schema: dict[str, Any] = self._files[self._resolved(address)]
        return schema

    def _from_beside(self, address: str) -> dict[str, Any]:
        content = self._beside(address.removeprefix(_IEEE))
        if content is None:
            raise _absent(address)
        try:
            schema = decode_as(dict[str, Any], content, "The schema")
        except Invalid:
            raise _absent(address) from None
        # Open mHealth's own schemas have files of the same name: only IEEE's will do.
        if not str(schema.get("$id", "")).startswith(_IEEE):
            raise _absent(address)
        return schema


def _resource(schema: dict[str, Any]) -> "Resource[Any]":
    """A schema under the address that it was asked by: some name another version as their own."""
    kept = {key: value for key, value in schema.items() if key not in {"$id", "id"}}
    draft = DRAFT7 if "draft-07" in str(schema.get("$schema")) else DRAFT4
    return draft.create_resource(kept)


def _absent(address: str) -> NoSuchResource:
    return NoSuchResource(ref=address)  # type: ignore[call-arg]


def _references(address: str, schema: Any) -> list[str]:
    """The addresses that a schema refers to, itself not counted."""
    if isinstance(schema, list):
        return [ref for one in schema for ref in _references(address, one)]
    if not isinstance(schema, dict):
        return []
    found = [ref for one in schema.values() for ref in _references(address, one)]
    ref = schema.get("$ref")
    if isinstance(ref, str) and not ref.startswith("#"):
        found.append(_joined(address, ref.partition("#")[0]))
    return found


def _joined(address: str, ref: str) -> str:
    """The address of what a schema calls `unit-value-1.x.json` or `../omh/unit-value-1.x.json`."""
    if "://" in ref:
        return ref
    folder = address.rpartition("/")[0]
    while ref.startswith("../"):
        folder, ref = folder.rpartition("/")[0], ref.removeprefix("../")
    return f"{folder}/{ref}"


_FORMATS = FormatChecker()
