"""The attributes of one data set, each by its rule; whatever no rule names, by its kind."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_keyword, dictionary_VR
from pydicom.dataelem import RawDataElement

from bedside.core.errors import Invalid
from bedside.privacy.dicom.known import SHAPES, element_bytes
from bedside.privacy.dicom.options import Dates, ProfileOption
from bedside.privacy.dicom.rules import Action
from bedside.privacy.dicom.safe_private import is_safe_private
from bedside.privacy.dicom.temporal import capped_age, temporal_value
from bedside.privacy.dicom.uids import UidStandIns

__all__ = ["DEEPEST", "REMOVED", "HeaderCleaner"]

DEEPEST = 64
"""Sequences within sequences; deeper ones are no real file."""
REMOVED = "REMOVED"
_TEMPORAL = frozenset({"DA", "DT", "TM"})
_SHORT_TEXT = frozenset({"LO", "SH", "UC", "CS"})
_FREE_TEXT = frozenset({"LT", "ST", "UT", "UR", "AE", "UN"})
_DUMMY_TEXT = frozenset({"LO", "SH", "ST", "LT", "UT", "UC", "CS", "AE", "PN"})
_NUMBER_TEXT = frozenset({"DS", "IS"})
_STRICT = _TEMPORAL | {"PN", "UI", "AS", "UR", "SQ"}
_NUMERIC = re.compile(rb"[\d+\-.eE \\\0]*\Z")
_TEXT_VALUE = 0x0040A160
_DEFINED_TERMS = frozenset({0x00080008, 0x00080060, 0x00089007})  # image, modality, frame type
_CODES = frozenset({0x00080100, 0x00080102, 0x00080103, 0x00080119})  # may look like a day
_URN_CODE = 0x00080120
_GROUPS_GONE = (range(0x5000, 0x5100), range(0x6000, 0x6100))
_ZERO = {"FL": 0.0, "FD": 0.0, "US": 0, "SS": 0, "UL": 0, "SL": 0, "DS": "0", "IS": "0"}


@lru_cache(maxsize=8192)
def _in_dictionary(tag: int) -> tuple[str, bool]:
    """The VR that the standard gives a tag ('' if it knows none), and whether it names a class."""
    try:
        keyword = dictionary_keyword(tag)
        vr = dictionary_VR(tag)
    except KeyError:
        return "", False
    named = ("SOPClassUID", "TransferSyntaxUID", "CodingSchemeUID", "ContextUID",
             "MappingResourceUID")  # fmt: skip
    return vr, keyword.endswith(named)


@dataclass(slots=True, kw_only=True)
class HeaderCleaner:
    """Cleans the data sets of one file: the outer one, and every one inside a sequence.

    Args:
        rules: What the profile says, by tag.
        retain: The options that are used.
        dates: What becomes of dates.
        offset: By how many days they are moved, where they are.
        uids: What stands for a UID.
        known: A pattern of what the header says of its people.
    """

    rules: Mapping[int, Action]
    retain: frozenset[ProfileOption]
    dates: Dates
    offset: int
    uids: UidStandIns
    known: re.Pattern[bytes]
    overlays_seen: bool = field(default=False, init=False)
    structured_seen: bool = field(default=False, init=False)

    def clean(self, dataset: Dataset, depth: int = 0) -> None:
        """Clean a data set in place.

        Raises:
            Invalid: sequences are nested deeper than any real file (code `too_deep`).
        """
        if depth > DEEPEST:
            raise Invalid(
                "The sequences of the file are nested too deep.",
                fix="keep the file back, and ask where it comes from.",
                code="too_deep",
            )
        for tag in [int(tag) for tag in dataset.keys()]:  # noqa: SIM118 - it changes meanwhile
            if self._goes_by_group(dataset, tag):
                del dataset[tag]
            elif not tag >> 16 & 1:
                self._attribute(dataset, tag, depth)

    def _goes_by_group(self, dataset: Dataset, tag: int) -> bool:
        group = tag >> 16
        if group & 1:
            keeps = ProfileOption.RETAIN_SAFE_PRIVATE in self.retain
            return not (keeps and is_safe_private(dataset, tag))
        if any(group in gone for gone in _GROUPS_GONE):
            self.overlays_seen = True
            return True
        return group < 8 or tag & 0xFFFF == 0

    def _attribute(self, dataset: Dataset, tag: int, depth: int) -> None:
        element = dataset.get_item(tag)
        standard, names_a_class = _in_dictionary(tag)
        vr = element.VR or standard
        if vr == "UN" and standard:
            vr = standard
        if not standard or (vr != standard and (standard in _STRICT or vr in _STRICT)):
            del dataset[tag]
            return
        action = self.rules.get(tag)
        if tag == _TEXT_VALUE:
            action, self.structured_seen = Action.DUMMY, True
        if vr == "SQ":
            self._sequence(dataset, tag, action, depth)
        elif vr in _TEMPORAL:
            self._temporal(dataset, tag, vr, action)
        elif action is not None:
            self._by_rule(dataset, tag, vr, action, element)
        else:
            self._by_kind(dataset, tag, vr, element, names_a_class)

    def _sequence(self, dataset: Dataset, tag: int, action: Action | None, depth: int) -> None:
        if action is Action.DROP:
            del dataset[tag]
        elif action is Action.EMPTY:
            dataset[tag] = DataElement(tag, "SQ", [])
        else:
            for item in dataset[tag].value:
                self.clean(item, depth + 1)
                if action is Action.DUMMY:
                    self._blank_codes(item)

    def _blank_codes(self, item: Dataset) -> None:
        """Items that say who somebody is: what is left of them says nothing."""
        for element in list(item):
            if element.VR == "SQ":
                for inner in element.value:
                    self._blank_codes(inner)
            elif element.VR in _DUMMY_TEXT and element.value:
                element.value = REMOVED

    def _temporal(self, dataset: Dataset, tag: int, vr: str, action: Action | None) -> None:
        if action is Action.DROP and self.dates is Dates.YEAR:
            del dataset[tag]
            return
        if tag == 0x00100030:
            dataset[tag] = DataElement(tag, vr, "")
            return
        raw = element_bytes(dataset.get_item(tag))
        texts = [part for part in raw.decode("latin-1").split("\\") if part.strip(" \0")]
        told = [temporal_value(vr, text, self.dates, self.offset) for text in texts]
        kept = [value for value in told if value is not None]
        if len(kept) == len(texts) and kept:
            dataset[tag] = DataElement(tag, vr, kept if len(kept) > 1 else kept[0])
        elif action is Action.DUMMY and vr == "TM" and texts:
            dataset[tag] = DataElement(tag, vr, "000000")
        elif action in (None, Action.DROP):
            del dataset[tag]
        else:
            dataset[tag] = DataElement(tag, vr, "")

    def _by_rule(
        self,
        dataset: Dataset,
        tag: int,
        vr: str,
        action: Action,
        element: DataElement | RawDataElement,
    ) -> None:
        if action is Action.DROP:
            del dataset[tag]
        elif vr == "AS":
            self._age(dataset, tag, action is Action.KEEP)
        elif action is Action.UID or (action is not Action.KEEP and vr == "UI"):
            self._uid(dataset, tag)
        elif action is Action.EMPTY:
            dataset[tag] = DataElement(tag, vr, b"" if vr in ("OB", "UN") else None)
        elif action is Action.DUMMY:
            self._dummy(dataset, tag, vr, element)

    def _dummy(
        self, dataset: Dataset, tag: int, vr: str, element: DataElement | RawDataElement
    ) -> None:
        if vr in _DUMMY_TEXT:
            empty = not element_bytes(element).strip(b" \0")
            dataset[tag] = DataElement(tag, vr, "" if empty else REMOVED)
        elif vr in _ZERO:
            dataset[tag] = DataElement(tag, vr, _ZERO[vr])
        else:
            del dataset[tag]

    def _by_kind(
        self,
        dataset: Dataset,
        tag: int,
        vr: str,
        element: DataElement | RawDataElement,
        names_a_class: bool,
    ) -> None:
        if vr == "UI":
            if not names_a_class and ProfileOption.RETAIN_UIDS not in self.retain:
                self._uid(dataset, tag)
        elif vr == "AS":
            self._age(dataset, tag, ProfileOption.RETAIN_PATIENT_CHARACTERISTICS in self.retain)
        elif vr == "PN":
            self._dummy(dataset, tag, vr, element)
        elif vr in _SHORT_TEXT or (vr in _NUMBER_TEXT and element.value):
            self._short_text(dataset, tag, vr, element)
        elif vr in _FREE_TEXT and tag != _URN_CODE:
            del dataset[tag]

    def _short_text(
        self, dataset: Dataset, tag: int, vr: str, element: DataElement | RawDataElement
    ) -> None:
        raw = element_bytes(element)
        if vr in _NUMBER_TEXT:
            if not _NUMERIC.match(raw):
                dataset[tag] = DataElement(tag, vr, None)
        elif vr == "CS":
            values = () if tag in _DEFINED_TERMS else raw.split(b"\\")
            if any(self.known.fullmatch(value.strip(b" \0")) for value in values):
                dataset[tag] = DataElement(tag, vr, REMOVED)
        elif self.known.search(raw) or (tag not in _CODES and SHAPES.search(raw)):
            dataset[tag] = DataElement(tag, vr, REMOVED)

    def _age(self, dataset: Dataset, tag: int, keeps: bool) -> None:
        age = capped_age(element_bytes(dataset.get_item(tag)).decode("latin-1"))
        if keeps and age is not None:
            dataset[tag] = DataElement(tag, "AS", age)
        else:
            del dataset[tag]

    def _uid(self, dataset: Dataset, tag: int) -> None:
        raw = element_bytes(dataset.get_item(tag)).decode("latin-1")
        parts = [self.uids.stand_in(part.strip(" \0")) for part in raw.split("\\")]
        dataset[tag] = DataElement(tag, "UI", parts if len(parts) > 1 else parts[0])
