"""The files of an exported version: one set for a container, one for Compose, one for Helm."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files as resources

from bedside.core.ids import digest_bytes
from bedside.core.records.served_release import ServedRelease
from bedside.deploy.package.scoring_install import Library, python_version

__all__ = ["FORMS", "Packing", "container_files", "requirements_text"]

FORMS = ("containerfile", "compose", "helm", "oci")
"""What a version can be exported as; `oci` is an image that is built at once."""

_WITH_WHEELS = "COPY requirements.txt /install/\nCOPY wheels /install/wheels"
_WITHOUT = "COPY requirements.txt /install/"
_OFFLINE = "--no-index --find-links /install/wheels --require-hashes"
_HELM = (
    "Chart.yaml", "values.yaml", "values.schema.json", "templates/_names.tpl",
    "templates/deployment.yaml", "templates/networkpolicy.yaml",
    "templates/persistentvolumeclaim.yaml", "templates/poddisruptionbudget.yaml",
    "templates/service.yaml", "templates/serviceaccount.yaml", "templates/servicemonitor.yaml",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """What is packed.

    Args:
        release: The version and its stage.
        libraries: Of the scoring install.
        wheels: The wheel of each library by its file name; empty where a build takes them from an
            index.
        machine: What the wheels are for, such as `Linux x86_64`.
        trusted: The public key that signatures are checked with, PEM.
    """

    release: ServedRelease
    libraries: tuple[Library, ...]
    wheels: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    machine: str
    trusted: bytes

    @property
    def slug(self) -> str:
        """The model's name as container tools and Kubernetes take it.

        Source: RFC 1123 labels.
        """
        name = self.release.version.partition("@")[0].lower()
        return re.sub(r"[^a-z0-9]+", "-", name).strip("-")[:40] or "model"


def container_files(packing: Packing, forms: Iterable[str]) -> dict[str, bytes]:
    """The files by their path; the same packing gives the same bytes."""
    forms = set(forms)
    made = {"README.md": "README.md", "Containerfile": "Containerfile"}
    if "compose" in forms:
        made["compose.yaml"] = "compose.yaml"
    if "helm" in forms:
        made |= {f"helm/{name}": f"helm/{name}" for name in _HELM}
    words = _words(packing)
    told = {path: _filled(name, words) for path, name in made.items()}
    told["requirements.txt"] = requirements_text(packing.libraries, packing.wheels)
    told[".containerignore"] = b"*\n!app\n!release\n!requirements.txt\n!wheels\n"
    return told


def requirements_text(libraries: Iterable[Library], wheels: Mapping[str, bytes]) -> bytes:
    """The pins, each with the SHA-256 of its wheel where there is one."""
    hashes = {_project(name): digest_bytes(content) for name, content in wheels.items()}
    lines = [
        f"{one.name}=={one.version}"
        + (f" --hash=sha256:{hashes[one.name]}" if one.name in hashes else "")
        for one in libraries
    ]
    return ("\n".join(lines) + "\n").encode()


def _project(wheel: str) -> str:
    """The normalised name of the project that a wheel is of (PEP 427, PEP 503)."""
    return re.sub(r"[-_.]+", "-", wheel.partition("-")[0]).lower()


def _words(packing: Packing) -> dict[str, str]:
    release = packing.release
    return {
        "COPY_REQUIREMENTS": _WITH_WHEELS if packing.wheels else _WITHOUT,
        "DIGEST": release.bundle[:12],
        "HASHED": ", with the SHA-256 of each wheel" if packing.wheels else "",
        "KEY": f"SHA-256 `{digest_bytes(packing.trusted)}`",
        "MACHINE": packing.machine,
        "NAME": release.version.partition("@")[0],
        "PIP_OPTIONS": _OFFLINE if packing.wheels else "--only-binary :all:",
        "PYTHON": python_version(),
        "SLUG": packing.slug,
        "STAGE": str(release.stage),
        "VERSION": release.version,
    }


def _filled(name: str, words: Mapping[str, str]) -> bytes:
    text = (resources("bedside.deploy.export") / "templates" / name).read_text()
    return re.sub(r"@([A-Z_]+)@", lambda found: words[found.group(1)], text).encode()
