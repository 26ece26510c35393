"""The changes that a declaration plans: what may change, by which protocol, with which impact."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bedside.governance.documents.case import Case
from bedside.governance.documents.document import Line

__all__ = ["modifications"]


def _told(case: Case) -> Sequence[str | Mapping[str, Any]]:
    return case.declared["change_control"] or ()


def modifications(case: Case) -> list[Line]:
    """Each planned change, as it is declared."""
    return list(_modifications(case))


def _modifications(case: Case) -> Iterator[Line]:
    for at, one in enumerate(_told(case)):
        if isinstance(one, str):
            yield case.said(f"Modification {at + 1}", one, ("change_control", at))
