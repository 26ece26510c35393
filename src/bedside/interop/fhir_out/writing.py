"""From an answer to what leaves: checked, or not at all."""

from collections.abc import Callable
from typing import Any

from bedside.core.errors import Refused
from bedside.interop.fhir_out.bundles import collected, transaction
from bedside.interop.fhir_out.checking import faults_in_bundle
from bedside.interop.fhir_out.told import Told

__all__ = ["written", "written_back"]


def written(told: Told) -> dict[str, Any]:
    """The Bundle that answers `$predict`.

    Raises:
        Refused: it breaks a rule of FHIR or of the house (code `fhir_faulty`).
    """
    return _checked(collected, told)


def written_back(told: Told) -> dict[str, Any]:
    """The transaction that writes an answer to a FHIR server.

    Raises:
        Refused: the answer is shown to nobody (code `not_shown`), or breaks a rule.
    """
    if not told.answer.shown:
        raise Refused(
            "This answer is shown to nobody, so it is written nowhere.",
            fix="release the version to canary or live first.",
            code="not_shown",
        )
    return _checked(transaction, told)


def _checked(make: Callable[[Told], dict[str, Any]], told: Told) -> dict[str, Any]:
    bundle = make(told)
    found = faults_in_bundle(bundle)
    if found:
        raise Refused(
            f"What would be written is no sound FHIR: {found[0]}",
            fix="report this as a defect of Bedside; the answer itself is in the ledger.",
            code="fhir_faulty",
        )
    return bundle
