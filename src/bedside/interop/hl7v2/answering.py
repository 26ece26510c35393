r"""Acknowledgements: what a receiver answers, in the original mode (MSA-1 is AA, AE or AR).

MSH-15 and MSH-16 are not followed: whoever sends by MLLP waits for one answer to each message.
"""

from datetime import UTC, datetime

from bedside.core.errors import Invalid
from bedside.interop.hl7v2.charset import decoded
from bedside.interop.hl7v2.delimiters import STANDARD
from bedside.interop.hl7v2.escapes import escape
from bedside.interop.hl7v2.message import LARGEST_MESSAGE, Header, read_header

__all__ = ["ERRORS", "Verdict", "acknowledgement", "verdict_on"]

ERRORS = {
    "hl7_no_header": ("AR", "100", "Segment sequence error"),
    "hl7_delimiters": ("AR", "100", "Segment sequence error"),
    "hl7_no_type": ("AR", "101", "Required field missing"),
    "hl7_character_set": ("AE", "102", "Data type error"),
    "hl7_too_large": ("AE", "207", "Application internal error"),
    "not_kept": ("AE", "207", "Application internal error"),
}
"""MSA-1, and the code of HL7 table 0357 with its text, for each reason why a message is refused."""

Verdict = tuple[Header | None, Invalid | None]


def verdict_on(content: bytes) -> Verdict:
    """What can be said of a message before it is read: its header, and why it is none.

    `read_message` refuses the same for the same reasons, so what is answered AA is a message as
    well when it is collected.
    """
    try:
        if len(content) > LARGEST_MESSAGE:
            head = content[:4096].partition(b"\r")[0].decode("ascii", "replace")
            read_header(head)
            raise Invalid(
                "it is too large", fix="send documents apart from messages.", code="hl7_too_large"
            )
        text = decoded(content)
        return read_header(text), None
    except Invalid as error:
        return None, error


def acknowledgement(
    header: Header | None, *, at: datetime, control: str, fault: str | None = None
) -> bytes:
    r"""The answer to a message.

    Args:
        header: Of the message; None if it has none that can be read.
        at: The present moment.
        control: The answer's own control identifier.
        fault: Why it was not accepted, a key of `ERRORS`; None: it was.

    >>> header = read_header("MSH|^~\\&|LAB|H1|EHR|H2|2026||ORU^R01|17|P|2.5")
    >>> at = datetime(2026, 1, 31, 8, tzinfo=UTC)
    >>> acknowledgement(header, at=at, control="9").split(b"\r")[1]
    b'MSA|AA|17'
    """
    code, number, text = ERRORS[fault] if fault else ("AA", "", "")
    marks = STANDARD if header is None else header.delimiters
    bar, part = marks.field, marks.component
    stamp = at.astimezone(UTC).strftime("%Y%m%d%H%M%S.%f")[:18] + "+0000"
    shown = [part, marks.repetition, marks.escape, marks.subcomponent]
    encoding = "".join(one for one in shown if one != "\0")
    if header is None:
        head = ["", "", "", "", stamp, "", "ACK", escape(control, marks), "P", "2.5"]
        echo = ""
    else:
        kind = part.join(["ACK", header.event, "ACK"]) if header.event else "ACK"
        head = [
            header.to_application,
            header.to_facility,
            header.application,
            header.facility,
            stamp,
            "",
            kind,
            escape(control, marks),
            header.processing,
            header.version or "2.5",
        ]
        echo = header.control
    lines = [bar.join([f"MSH{bar}{encoding}", *head]), bar.join(["MSA", code, echo])]
    if fault:
        error = part.join([number, text, "HL70357"])
        lines.append(bar.join(["ERR", "", "", error, "E"]))
    return "".join(f"{line}\r" for line in lines).encode("utf-8", "replace")
