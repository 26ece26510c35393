"""Which engine this is: the digest of all that decides what it finds and writes."""

import unicodedata
from functools import lru_cache
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from importlib.resources.abc import Traversable

from bedside.core.ids import digest_bytes, digest_of
from bedside.core.records.certificate import EngineIdentity

__all__ = ["engine_identity"]

_BESIDE = frozenset(
    {
        "agreement.py", "annotated.py", "certificate.py", "certificate_json.py", "certified.py",
        "certificate_page.py", "identity.py", "measured.py", "sampling.py", "scores.py",
        "training.py",
    }
)  # fmt: skip
"""What measures and trains; all else in the package finds or replaces."""
_LIBRARIES = ("ahocorasick_rs", "google-re2", "numpy", "rapidfuzz")
_READ = (".py", ".txt", ".yaml", ".json", ".csv")


def engine_identity(
    language: str, *, labeller: str = "", lists: str = "", doubt: float = 0.1
) -> EngineIdentity:
    """The identity of the engine that is installed here, with a labeller and lists by digest."""
    return EngineIdentity(
        language=language,
        code=_code(),
        libraries=_libraries(),
        labeller=labeller,
        lists=lists,
        doubt=doubt,
    )


@lru_cache(maxsize=1)
def _code() -> str:
    files: dict[str, str] = {}
    _read(resources.files("bedside.privacy.text"), "", files)
    kinds = resources.files("bedside.core.records") / "identifier.py"
    return digest_of(files | {"identifier": digest_bytes(kinds.read_bytes())})


def _read(folder: Traversable, before: str, files: dict[str, str]) -> None:
    for entry in folder.iterdir():
        name = f"{before}{entry.name}"
        if entry.is_dir() and not entry.name.startswith(("_", ".")):
            _read(entry, f"{name}/", files)
        elif entry.is_file() and entry.name.endswith(_READ) and name not in _BESIDE:
            files[name] = digest_bytes(entry.read_bytes())


@lru_cache(maxsize=1)
def _libraries() -> tuple[tuple[str, str], ...]:
    found = [("unicode", unicodedata.unidata_version)]
    for name in _LIBRARIES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            found.append((name, ""))
    return tuple(found)
