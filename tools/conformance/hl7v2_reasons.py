"""Why an item of an HL7 v2 message and of its expected bundle differ."""

from typing import Any

from conformance.suite import UNEXPLAINED

__all__ = ["reason_of"]

Item = tuple[Any, ...]

_PLANNED = (
    "The bundle takes PV2-8 or PV2-9, when an admission or discharge is expected, for when it "
    "happened. Bedside reads PV1-44 and PV1-45 alone: what is expected has not happened."
)
_CHARGES = "The bundle makes it from FT1, a charge. Bedside takes procedures from PR1 alone."
_DEATH = "The bundle makes it from PDA (death and autopsy), which Bedside does not read."
_ACCIDENT = "The bundle makes it from ACC (an accident), which Bedside does not read."
_TIMES = "The bundle leaves the value of the type TS out; Bedside reads it."
_DOSE = "RXA-6 is 999, which says that the dose is not known; the bundle takes it for a dose."
_NO_ORC = (
    "The message has an OBR without ORC, which its structure allows; the bundle tells nothing of "
    "it, nor of what stands under it."
)
_MOVED = (
    "The bundle of an event that moves visits (A45) has no Patient, though the message has PID."
)
_IDENTIFIER_VALUE = (
    "The value is of the type HD, an identifier of a study. The bundle has the code without it; "
    "Bedside gives no fact where it reads no value, and counts that."
)
_REASONS: dict[tuple[str, str], str] = {
    ("ADT-A40-02", "merge"): (
        "The message merges two pairs of patients, and the bundle tells one of them."
    ),
    **dict.fromkeys(
        [("ADT-A45-02", one) for one in ("birth", "death", "identifier", "sex")], _MOVED
    ),
    ("ADT-A60-02", "allergy"): (
        "The bundle takes a second code of the allergen from IAM-27; Bedside goes by IAM-3, the "
        "allergen's own."
    ),
    **dict.fromkeys(
        [("MDHHS-OML-O21-1", one) for one in ("condition", "observation", "requested")], _NO_ORC
    ),
    ("VXU-V04-01", "observation"): (
        "Four OBX stand under the RXA. The bundle has two of them and leaves these two out, though "
        "nothing in the message sets them apart; in the sample VXU it has all four."
    ),
}
_CODES = {
    **{("observation", one): _DEATH for one in ("death-certificate", "autopsy", "coroner")},
    **{("procedure", one): _DEATH for one in ("death-certification", "autopsy-performed")},
    ("condition", "ICD10//I21"): _DEATH,
    ("observation", "injury-incident"): _ACCIDENT,
    ("observation", "113014"): _IDENTIFIER_VALUE,
}
_KINDS = {"procedure": _CHARGES, "visit begins": _PLANNED, "visit ends": _PLANNED}


def reason_of(name: str, item: Item, ours: set[Item], expected: set[Item]) -> str:
    """Why this item is on one side only; `unexplained` where nobody has looked yet."""
    kind, code = item[0], item[1] if len(item) > 1 else ""
    unsaid = ("observation", code, None, "")
    if found := _REASONS.get((name, kind)) or _CODES.get((kind, str(code))):
        return found
    if kind == "immunization" and _differ_in_dose(item, ours, expected):
        return _DOSE
    if kind == "observation" and unsaid in expected and (item == unsaid or item in ours):
        return _TIMES
    return _KINDS.get(kind, UNEXPLAINED)


def _differ_in_dose(item: Item, ours: set[Item], expected: set[Item]) -> bool:
    _, code, _, when = item
    return ("immunization", code, 999, when) in expected and (
        ("immunization", code, None, when) in ours
    )
