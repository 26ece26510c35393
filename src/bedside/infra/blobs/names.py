"""The names of blobs: made by Bedside alone, so that no name leads out of its store."""

import re

from bedside.core.errors import Invalid, NotFound

__all__ = ["LONGEST", "checked_name", "checked_prefix", "is_name", "no_such_blob"]

LONGEST = 512
"""Characters of a name: well below the 1024 bytes that S3 allows, which hold our prefix too."""

_LONGEST_SEGMENT = 200  # below the 255 bytes of a file's name, with room for a temporary one
_SEGMENT = r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*"
_NAME = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
_PREFIX = re.compile(rf"(?:{_SEGMENT}/)*(?:{_SEGMENT}\.?)?")


def is_name(name: str) -> bool:
    """Whether Bedside can have made this name.

    >>> is_name("objects/ab/cdef"), is_name("../keys"), is_name("objects/.part-1")
    (True, False, False)
    """
    return (
        len(name) <= LONGEST
        and _NAME.fullmatch(name) is not None
        and all(len(segment) <= _LONGEST_SEGMENT for segment in name.split("/"))
    )


def checked_name(name: str) -> str:
    """The name, if Bedside can have made it.

    Raises:
        Invalid: it is not segments of lower-case letters, digits, `_`, `-` and inner dots, joined
            by `/`, or it is too long (code `blob_name`).
    """
    if not is_name(name):
        raise Invalid(
            "That is no name of a blob.",
            fix="join segments of lower-case letters, digits, '_', '-' and inner dots by '/'.",
            code="blob_name",
        )
    return name


def checked_prefix(prefix: str) -> str:
    """The beginning of names, if there can be such a name; empty for all of them.

    Raises:
        Invalid: no name begins so (code `blob_name`).
    """
    if len(prefix) > LONGEST or _PREFIX.fullmatch(prefix) is None:
        raise Invalid(
            "No name of a blob begins so.",
            fix="give whole segments and '/', or the beginning of a segment.",
            code="blob_name",
        )
    return prefix


def no_such_blob() -> NotFound:
    """The error of a name that nothing has."""
    return NotFound(
        "Nothing is kept under this name.", fix="run the build again, or restore a backup."
    )
