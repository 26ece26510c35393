"""What a FHIR reference points to, in all the forms in which it is written."""

from bedside.interop.fhir_bulk.elements import Reference

__all__ = ["CONTAINED", "NOT_A_PATIENT", "Patients", "Targets", "target_of"]

CONTAINED = "the subject is a contained resource, which is nobody outside its record"
CONDITIONAL = "the subject is named by a search, not by a reference"
NOT_A_PATIENT = "the subject is not a patient"
NO_SUBJECT = "it names no subject"
MALFORMED = "the reference to the subject is malformed"


def target_of(reference: str) -> tuple[str | None, str | None]:
    """Type and id of what a reference points to; a type that is not said is None.

    An absolute address counts by its last two parts, wherever the server stands. The id of a
    contained resource keeps its `#`. A search and what is no reference give (None, None).

    >>> target_of("https://example.org/fhir/Patient/1/_history/2")
    ('Patient', '1')
    >>> target_of("urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a")
    (None, '61ebe359-bfdc-4613-8bf2-c5e300945f0a')
    >>> target_of("#p1"), target_of("Patient?identifier=17")
    ((None, '#p1'), (None, None))
    """
    for start in ("urn:uuid:", "urn:oid:"):
        if reference.startswith(start):
            return None, reference.removeprefix(start) or None
    if reference.startswith("#"):
        return None, reference if len(reference) > 1 else None
    if "?" in reference:
        return None, None
    parts = reference.split("/")
    if len(parts) >= 4 and parts[-2] == "_history":
        parts = parts[:-2]
    if len(parts) < 2 or not parts[-1] or not parts[-2].isalpha():
        return None, None
    return parts[-2], parts[-1].partition("#")[0] or None


class Targets(dict[str, str | None]):
    """The id behind each reference to a resource of one type, worked out once; None for others."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def __missing__(self, reference: str) -> str | None:
        kind, name = target_of(reference)
        self[reference] = found = name if kind in (None, self.kind) else None
        return found


class Patients(dict[str, str | None]):
    """The patient's id behind each reference, worked out once; `why` says why there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.why: dict[str, str] = {}

    def __missing__(self, reference: str) -> str | None:
        kind, name = target_of(reference)
        reason = None
        if name is None:
            reason = CONDITIONAL if "?" in reference else MALFORMED
        elif name.startswith("#"):
            reason = CONTAINED
        elif kind not in (None, "Patient"):
            reason = NOT_A_PATIENT
        if reason is not None:
            self.why[reference] = reason
        self[reference] = found = name if reason is None else None
        return found

    def reason(self, said: Reference | None) -> str:
        """Why a reference, which gave no patient, gave none."""
        if said is None or said.reference is None:
            return NO_SUBJECT
        return self.why.get(said.reference, NOT_A_PATIENT)
