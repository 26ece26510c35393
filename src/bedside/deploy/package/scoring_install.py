"""What a server that only scores has installed: a few libraries, and what each of them needs.

No library that trains, prepares data or draws is among them. A test starts such a server, refuses
it every other library, and asks it.
"""

import platform
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bedside.core.errors import Unavailable
from bedside.deploy.package.licences import licence_of

__all__ = [
    "ROOTS",
    "Library",
    "changed_install",
    "environment_text",
    "python_version",
    "scoring_libraries",
]

ROOTS = (
    "cryptography", "httptools", "httpx", "joserfc", "markdown-it-py", "model-signing", "msgspec",
    "numba", "numpy", "onnxruntime", "prometheus-client", "pyopenssl", "pyyaml", "sqlalchemy",
    "starlette", "uvicorn", "uvloop",
)  # fmt: skip
"""What `bedside.wiring.scoring` imports, or what is imported for it without saying so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """One installed library.

    `licence` is an SPDX expression, or empty where its metadata tell none. `needs` are the names of
    the libraries that it needs here. `notices` are its files with licence texts.
    """

    name: str
    version: str
    licence: str
    needs: tuple[str, ...]
    notices: tuple[str, ...] = ()


def scoring_libraries(roots: Iterable[str] = ROOTS) -> tuple[Library, ...]:
    """The libraries of a scoring install as they are installed here, by name.

    Raises:
        Unavailable: one of them is not installed (code `library_missing`).
    """
    found: dict[str, Library] = {}
    open_names: list[str] = [canonicalize_name(name) for name in roots]
    while open_names:
        name = open_names.pop()
        if name not in found:
            found[name] = _library(name)
            open_names += found[name].needs
    return tuple(found[name] for name in sorted(found))


def environment_text(libraries: Iterable[Library]) -> bytes:
    """A requirements file that pins each of them; the same install gives the same bytes."""
    head = (
        f"# What a server that only scores is installed with: Python {python_version()}, "
        f"{platform.system()} {platform.machine()}.\n"
        "# pip install --no-deps -r environment.txt\n"
    )
    return (head + "".join(f"{one.name}=={one.version}\n" for one in libraries)).encode()


def changed_install(before: bytes | None, after: bytes) -> tuple[str, ...]:
    """In words: each library of the scoring install that is another one now than it was.

    >>> changed_install(b"numpy==2.4.5", b"numpy==2.4.6")
    ('numpy of the scoring install was 2.4.5 and is 2.4.6',)
    """
    if before is None:
        return ()
    old, new = _pins(before), _pins(after)
    return tuple(
        f"{name} of the scoring install was {old.get(name, 'absent')} "
        f"and is {new.get(name, 'absent')}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    )


def python_version() -> str:
    """Of this interpreter, as `3.11`."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _pins(content: bytes) -> dict[str, str]:
    lines = re.findall(r"^([a-z0-9-]+)==(\S+)$", content.decode(), re.MULTILINE)
    return dict(lines)


def _library(name: str) -> Library:
    try:
        found = distribution(name)
    except PackageNotFoundError:
        raise Unavailable(
            f"The library {name} is not installed, and a server that scores needs it.",
            fix="install Bedside again: pip install bedside.",
            code="library_missing",
        ) from None
    wanted = (Requirement(one) for one in found.requires or ())
    needs = {
        canonicalize_name(one.name)
        for one in wanted
        if one.marker is None or one.marker.evaluate({"extra": ""})
    }
    notices = _notices(found)
    return Library(
        name=name,
        version=found.version,
        licence=licence_of(found.metadata, _text(found, notices)),
        needs=tuple(sorted(needs)),
        notices=notices,
    )


def _text(found: Distribution, notices: tuple[str, ...]) -> str:
    """The first of those files, which is its own: the licences of others come after it."""
    paths = (Path(str(found.locate_file(name))) for name in notices[:1])
    return "".join(one.read_text(errors="replace") for one in paths if one.is_file())


def _notices(found: Distribution) -> tuple[str, ...]:
    """The files with texts of licences that it installs."""
    named = re.compile(r"(licen[cs]e|copying|notice)", re.IGNORECASE)
    return tuple(
        sorted(
            path.as_posix()
            for path in found.files or ()
            if named.match(path.name) and path.suffix not in (".py", ".pyc")
        )
    )
