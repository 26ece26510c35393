"""The test points of openmhealth/schemas: what should pass is accepted, what should fail is not."""

from pathlib import Path, PurePosixPath

import msgspec

from bedside.core.errors import Invalid
from bedside.data.collect.formats.open_mhealth import shipped_schemas
from bedside.interop.open_mhealth.schemas import SchemaName, Schemas, no_files
from bedside.interop.strict_json import decode_as
from conformance.suite import UNEXPLAINED, Case, Suite, members

__all__ = ["run"]

FOLDER = "open-mhealth"
_REASONS = {
    "no schema": (
        "its schema is of IEEE 1752.1, which is published elsewhere and is not in the repository"
    ),
    "schema incomplete": (
        "its schema refers to one of IEEE 1752.1, which is published elsewhere and is not fetched; "
        "where that file lies beside the points it is used"
    ),
}


def run(data: Path) -> Suite:
    """Judge every point; the group says what it should do.

    Args:
        data: The folder that holds `open-mhealth`, zipped or not.
    """
    schemas = shipped_schemas(no_files)
    cases = [
        _case(PurePosixPath(name), content, schemas)
        for name, content in sorted(members(data / FOLDER).items())
        if name.startswith("test-data/") and name.endswith(".json")
    ]
    return Suite(name="Open mHealth", cases=tuple(cases))


def _case(path: PurePosixPath, content: bytes, schemas: Schemas) -> Case:
    namespace, schema, version, group = path.parts[1:5]
    try:
        document = decode_as(object, content, "The point")
        verdict = schemas.verdict(SchemaName(namespace, schema, version), document)
    except (Invalid, msgspec.MsgspecError):
        verdict = "breaks"
    name = "/".join(path.parts[1:])
    if verdict in _REASONS:
        return Case(name=name, group=group, status="not_run", reason=_REASONS[verdict])
    if (verdict == "follows") == (group == "shouldPass"):
        return Case(name=name, group=group, status="pass")
    return Case(name=name, group=group, status="fail", reason=UNEXPLAINED)
