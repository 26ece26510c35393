"""How a model speaks HL7 v2: which messages ask it, and how its answer is addressed."""

from dataclasses import dataclass

__all__ = ["Hl7v2", "ResultCode"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultCode:
    """The code of the result (OBR-4 and OBX-3), and the coding system it is from (table 0396)."""

    code: str = "bedside-risk"
    system: str = "99BEDSIDE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hl7v2:
    """The HL7 v2 channel of a model.

    Args:
        messages: Which messages about a patient ask the model, by MSH-9, such as `ORU^R01`.
        receiving_application: MSH-5 of a result. Where it is sent is in the settings alone.
        receiving_facility: MSH-6 of a result.
        sending_application: MSH-3 of a result.
        sending_facility: MSH-4 of a result.
        result: What the result is called.
        abstentions: Whether the receiver is told when there is no score, and why. A failure is
            told always.
    """

    messages: tuple[str, ...]
    receiving_application: str
    receiving_facility: str = ""
    sending_application: str = "BEDSIDE"
    sending_facility: str = ""
    result: ResultCode = ResultCode()
    abstentions: bool = True
