"""The event codes of many concepts, each pair of system and code worked out once."""

from collections import Counter
from collections.abc import Sequence

from bedside.interop.fhir.codes import code_of
from bedside.interop.fhir_bulk.elements import CodeableConcept, Coding

__all__ = ["CodeBook"]

LONGEST = 256  # characters of a code
MOST_UNKNOWN = 10_000  # codes that are told one by one
_BETTER_NOT = "(further codes)"


class CodeBook:
    """Knows the code of each coding, and counts those whose system it does not know.

    A concept means the same by each of its codings, so it is filed under each of those that are
    known. One whose systems are all unknown is filed as `LOCAL//code` under its first.
    """

    def __init__(self) -> None:
        self.known: dict[tuple[str | None, str | None], str | None] = {}
        self.unknown: Counter[str] = Counter()

    def of_one(self, coding: Coding) -> str | None:
        """The code of a coding; None if its system is not known or it cannot be a code."""
        key = (coding.system, coding.code)
        try:
            return self.known[key]
        except KeyError:
            usable = _is_usable(coding.code)
            found = self.known[key] = code_of(*key) if usable else None
            return found

    def codes(self, codings: Sequence[Coding]) -> list[str]:
        """The codes to file a concept under: none, one, or several."""
        if len(codings) == 1:
            only = self.known.get((codings[0].system, codings[0].code))
            if only is not None:
                return [only]
        found = [code for one in codings if (code := self.of_one(one)) is not None]
        if len(found) > 1:
            return list(dict.fromkeys(found))
        return found or self._local(codings)

    def answer(self, concept: CodeableConcept) -> str | None:
        """A coded answer as one code, or else in its own words; None where it says nothing."""
        codes = self.codes(concept.coding)
        if codes:
            return codes[0]
        return concept.text or next((one.display for one in concept.coding if one.display), None)

    def _local(self, codings: Sequence[Coding]) -> list[str]:
        for one in codings:
            if one.code and _is_usable(one.code):
                key = f"{one.system or ''}|{one.code}"
                if key not in self.unknown and len(self.unknown) >= MOST_UNKNOWN:
                    key = _BETTER_NOT
                self.unknown[key] += 1
                return [f"LOCAL//{one.code}"]
        return []


def _is_usable(code: str | None) -> bool:
    return bool(code) and code is not None and len(code) <= LONGEST and code.isprintable()
