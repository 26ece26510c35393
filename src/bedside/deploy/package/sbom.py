"""What a bundle is made of and runs on, as a bill of materials that scanners read.

It is CycloneDX JSON with the model as its subject (an "ML-BOM"): the model card's data are in the
model's own component. It holds no time and nothing random, so the same bundle has the same one.
Source: ECMA-424, CycloneDX 1.6, "Machine Learning Bill of Materials".
"""

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from packaging.utils import canonicalize_name

import bedside
from bedside.core.ids import canonical_json, digest_bytes, digest_of
from bedside.core.records.declaration import Declaration
from bedside.core.records.version import GateResult
from bedside.deploy.package.sbom_card import model_card_data
from bedside.deploy.package.scoring_install import ROOTS, Library

__all__ = ["SPEC", "bill_of_materials", "with_hashes"]

SPEC = "1.6"
_NAMESPACE = uuid.UUID("6f6d1c0e-5f0b-5d0c-9a44-0d1f6f0b3c51")  # ours, for what a digest names
_MODEL, _BEDSIDE = "model", "pkg:pypi/bedside"


def bill_of_materials(
    declaration: Declaration,
    evidence: Mapping[str, Any],
    gates: Iterable[GateResult],
    libraries: Iterable[Library],
    *,
    files: Mapping[str, bytes],
    snapshot: str,
) -> bytes:
    """`sbom.json`.

    Args:
        declaration: The model.
        evidence: As in its bundle.
        gates: What it had to reach.
        libraries: Of the scoring install.
        files: What the model is made of, by name; each is listed with its SHA-256.
        snapshot: The digest of the data that it was built from.
    """
    libraries = tuple(libraries)
    body: dict[str, Any] = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "version": 1,
        "metadata": {
            "component": _model(declaration, evidence, tuple(gates), files, snapshot),
            "tools": {"components": [_bedside()]},
        },
        "components": [_bedside(), *(_component(one) for one in libraries)],
        "dependencies": _needs(libraries),
    }
    serial = uuid.uuid5(_NAMESPACE, digest_of(body))
    return canonical_json(body | {"serialNumber": f"urn:uuid:{serial}"})


def with_hashes(content: bytes, wheels: Mapping[str, bytes]) -> bytes:
    """The bill of materials with the SHA-256 of each wheel that is packed beside it.

    Args:
        content: `sbom.json`.
        wheels: By file name.
    """
    hashes = {
        canonicalize_name(name.partition("-")[0]): digest_bytes(content)
        for name, content in wheels.items()
    }
    told = json.loads(content)
    for one in told["components"]:
        if one["name"] in hashes:
            one["hashes"] = [{"alg": "SHA-256", "content": hashes[one["name"]]}]
    return canonical_json(told)


def _model(
    declaration: Declaration,
    evidence: Mapping[str, Any],
    gates: tuple[GateResult, ...],
    files: Mapping[str, bytes],
    snapshot: str,
) -> dict[str, Any]:
    parts = [
        {
            "type": "file",
            "bom-ref": f"file:{name}",
            "name": name,
            "hashes": [{"alg": "SHA-256", "content": digest_bytes(content)}],
        }
        for name, content in sorted(files.items())
    ]
    version = digest_of({name: digest_bytes(content) for name, content in files.items()})
    return {
        "type": "machine-learning-model",
        "bom-ref": _MODEL,
        "name": declaration.name,
        "version": version[:12],
        "description": declaration.title,
        "components": parts,
        "modelCard": model_card_data(declaration, evidence, gates, snapshot=snapshot),
        "properties": [
            {"name": "bedside:declared-title", "value": declaration.title},
            {"name": "bedside:data-licence", "value": declaration.data.licence},
            {"name": "bedside:snapshot", "value": snapshot},
        ],
    }


def _bedside() -> dict[str, Any]:
    return {
        "type": "application",
        "bom-ref": _BEDSIDE,
        "name": "bedside",
        "version": bedside.__version__,
        "licenses": [{"expression": "Apache-2.0"}],
        "purl": f"{_BEDSIDE}@{bedside.__version__}",
    }


def _component(library: Library) -> dict[str, Any]:
    address = _purl(library)
    made: dict[str, Any] = {
        "type": "library",
        "bom-ref": address,
        "name": library.name,
        "version": library.version,
        "purl": address,
        "scope": "required",
    }
    if library.licence:
        made["licenses"] = [{"expression": library.licence}]
    return made


def _needs(libraries: tuple[Library, ...]) -> list[dict[str, Any]]:
    """Who needs whom; the roots are needed by Bedside itself."""
    refs = {one.name: _purl(one) for one in libraries}
    own = sorted(refs[name] for name in ROOTS if name in refs)
    told: list[dict[str, Any]] = [
        {"ref": _MODEL, "dependsOn": [_BEDSIDE]},
        {"ref": _BEDSIDE, "dependsOn": own},
    ]
    for one in libraries:
        needs = sorted(refs[name] for name in one.needs if name in refs)
        told.append({"ref": refs[one.name]} | ({"dependsOn": needs} if needs else {}))
    return told


def _purl(library: Library) -> str:
    """Source: package-url specification, type pypi."""
    return f"pkg:pypi/{library.name}@{library.version.replace('+', '%2B')}"
