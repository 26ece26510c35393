"""Which version a person means: an id, a digest, the beginning of either, or a model's name."""

from collections.abc import Sequence
from difflib import get_close_matches

from bedside.core.errors import Invalid, NotFound
from bedside.core.records.version import ModelVersion

__all__ = ["found"]

_SHOWN = 5


def found(reference: str, versions: Sequence[ModelVersion]) -> ModelVersion:
    """The version that is meant; a bare model name means its newest version.

    Args:
        reference: `NAME@` and digits, a bundle digest, an unambiguous beginning of either, or NAME.
        versions: All that there are, oldest first.

    Raises:
        NotFound: there is none; the nearest are named (code `no_such_version`).
        Invalid: it could mean several (code `ambiguous_version`).
    """
    exact = [one for one in versions if reference in (one.id, one.bundle)]
    named = [one for one in versions if one.name == reference]
    if exact or named:
        return (exact or named)[-1]
    begun = [one for one in versions if reference and _begins(reference, one)]
    if not begun:
        raise _none(reference, versions)
    if len(begun) > 1:
        raise Invalid(
            f"'{reference}' could mean {len(begun)} versions.",
            fix=f"write more of it: {_listed(begun)}.",
            code="ambiguous_version",
        )
    return begun[0]


def _begins(reference: str, version: ModelVersion) -> bool:
    name_and_digest = f"{version.name}@{version.bundle}"
    return name_and_digest.startswith(reference) or version.bundle.startswith(reference)


def _none(reference: str, versions: Sequence[ModelVersion]) -> NotFound:
    known = {one.id: one for one in versions} | {one.name: one for one in versions}
    near = [known[text] for text in get_close_matches(reference, known, n=_SHOWN, cutoff=0.5)]
    fix = f"perhaps {_listed(near or versions)}." if versions else "build one first: bedside build."
    problem = f"There is no version '{reference[:100]}' in this workspace."
    return NotFound(problem, fix=fix, code="no_such_version")


def _listed(versions: Sequence[ModelVersion]) -> str:
    ids = list(dict.fromkeys(one.id for one in reversed(versions)))
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return ", ".join(ids[:_SHOWN]) + more
