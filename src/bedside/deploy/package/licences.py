"""Under which licence a library comes, as one SPDX expression, and the list for whoever must judge.

Source: PEP 639 (License-Expression); SPDX License List.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from bedside.core.ids import canonical_json

__all__ = ["licence_list", "licence_of"]

_CLASSIFIERS = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "License :: OSI Approved :: Python Software Foundation License": "PSF-2.0",
}
_BSD = "License :: OSI Approved :: BSD License"
_FREE_WORDS = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "cc0-1.0 or apache-2.0": "CC0-1.0 OR Apache-2.0",
    "mit": "MIT",
    "mit license": "MIT",
    "mpl-2.0": "MPL-2.0",
}


class Licensed(Protocol):
    """A library of which the licence is known."""

    @property
    def name(self) -> str:
        """As the package index has it."""
        ...

    @property
    def version(self) -> str:
        """Of what is installed."""
        ...

    @property
    def licence(self) -> str:
        """An SPDX expression, or empty."""
        ...

    @property
    def notices(self) -> tuple[str, ...]:
        """Its files with licence texts."""
        ...


class Metadata(Protocol):
    """The metadata of an installed library, as `importlib.metadata` gives them."""

    def get_all(self, name: str, failobj: None = None) -> list[Any] | None:
        """Every value of a header; None where it has none."""
        ...


def licence_of(metadata: Metadata, text: str = "") -> str:
    """The SPDX expression that a library's metadata tell; empty where they tell none for sure.

    Its own expression counts first, then its classifiers, then its free words. Where these say
    "BSD" alone, the licence's text says how many clauses it has.

    Args:
        metadata: Of the installed library.
        text: Of its licence.

    >>> from email.message import Message
    >>> told = Message()
    >>> told["Classifier"] = "License :: OSI Approved :: MIT License"
    >>> licence_of(told)
    'MIT'
    """
    expression = metadata.get_all("License-Expression")
    if expression:
        return str(expression[0]).strip()
    classifiers = metadata.get_all("Classifier") or []
    known = sorted({_CLASSIFIERS[one] for one in classifiers if one in _CLASSIFIERS})
    if known:
        return " AND ".join(known)
    words = str((metadata.get_all("License") or [""])[0]).strip().lower()
    if words == "bsd" or _BSD in classifiers:
        return _clauses(text.lower())
    return _FREE_WORDS.get(words, "")


def _clauses(text: str) -> str:
    """Which of the two BSD licences a text is; empty where it is neither."""
    if "redistributions in binary form" not in text:
        return ""
    return "BSD-3-Clause" if "neither the name" in text else "BSD-2-Clause"


def licence_list(libraries: Iterable["Licensed"], *, data: str) -> bytes:
    """`licences.json`: of Bedside, of the data behind the model, and of each library.

    Args:
        libraries: Of the scoring install.
        data: The licence of the data, as it was declared.
    """
    told: dict[str, Any] = {
        "format": "bedside-licences/1",
        "bedside": "Apache-2.0",
        "data": data,
        "libraries": [
            {
                "name": one.name,
                "version": one.version,
                "licence": one.licence or None,
                "texts": list(one.notices),
            }
            for one in libraries
        ],
    }
    return canonical_json(told)
