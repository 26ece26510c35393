r"""An answer as a result message: ORU^R01 with OBR and OBX, for whoever stands in the PID.

Source: HL7 v2.8, chapter 7 (ORU^R01, OBR, OBX; table 0085 for OBX-11, 0078 for OBX-8) and chapter
2.9 (MSH-10 has 199 signs from 2.7 on, so that a prediction id fits).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from bedside.core.clock import parse_instant
from bedside.core.errors import Invalid
from bedside.core.records.answer import Abstention, Answer, Failure, Score
from bedside.core.records.declaration import Declaration
from bedside.interop.hl7v2.delimiters import STANDARD
from bedside.interop.hl7v2.escapes import escape
from bedside.interop.hl7v2.message import Message, Segment
from bedside.interop.predicted import value_unit
from bedside.interop.score_words import verdict

__all__ = ["Addressed", "result_message"]

VERSION = "2.8"
OWN = "99BEDSIDE"
"""The coding system of what has no code of others (HL7 table 0396: 99 and a local name)."""
_COPIED = (3, 5, 7, 8, 18)
"""Of the PID: identifiers, name, birth, sex, account; by these a receiver finds the patient."""
_FINAL, _NOT_OBTAINED = "F", "X"
_LONGEST = 20_000  # signs of one text


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """Who sends, who receives, and under which code the result stands (OBR-4).

    Raises:
        Invalid: the code or its system is empty.
    """

    application: str = "BEDSIDE"
    facility: str = ""
    to_application: str = ""
    to_facility: str = ""
    code: str = "bedside-risk"
    system: str = OWN

    def __post_init__(self) -> None:
        if not self.code.strip() or not self.system.strip():
            raise Invalid("A result needs a code and its system.", fix="give both.")


def result_message(
    answer: Answer,
    declaration: Declaration,
    asked_by: Message,
    addressed: Addressed,
    *,
    at: datetime,
) -> bytes:
    """The message that tells an answer.

    Its control id is the prediction id, so that whoever receives it twice knows that it is one.

    Args:
        answer: A score, an abstention or a failure; it is shown.
        declaration: Of the version that answered.
        asked_by: The message that was the occasion; of its PID the identifiers are copied.
        addressed: From whom and to whom.
        at: The present moment.

    Raises:
        Invalid: the answer is withheld, or the message names no one patient.
    """
    if not answer.shown:
        raise Invalid("A withheld answer is sent to nobody.", fix="send what is shown alone.")
    patients = [one for one in asked_by.segments if one.name == "PID"]
    if len(patients) != 1 or not patients[0].field(3):
        raise Invalid(
            "The message does not name one patient with an identifier.",
            fix="send results only on messages with one PID and its PID-3.",
            code="hl7_no_patient",
        )
    moment, stamp = _stamp(parse_instant(answer.as_of)), _stamp(at)
    segments = [
        _segment("MSH", {
            3: _text(addressed.application), 4: _text(addressed.facility),
            5: _text(addressed.to_application), 6: _text(addressed.to_facility), 7: stamp,
            9: "ORU^R01^ORU_R01", 10: _text(answer.prediction_id),
            11: _text(asked_by.header.processing) or "P", 12: VERSION, 18: "UNICODE UTF-8",
        }),
        _segment("PID", {1: "1"} | {n: _copied(patients[0], n) for n in _COPIED}),
        _segment("OBR", {
            1: "1", 3: f"{_text(answer.prediction_id)}^{_text(addressed.application)}",
            4: _coded(addressed.code, declaration.title, addressed.system), 7: moment, 22: stamp,
            25: _FINAL if isinstance(answer.outcome, Score) else _NOT_OBTAINED,
        }),
    ]  # fmt: skip
    for number, one in enumerate(_observations(answer, declaration, addressed), start=1):
        segments.append(_segment("OBX", {1: str(number), **one, 14: moment}))
    return "".join(f"{one}\r" for one in segments).encode()


_Fields = dict[int, str]


def _observations(
    answer: Answer, declaration: Declaration, addressed: Addressed
) -> Iterator[_Fields]:
    match answer.outcome:
        case Score():
            yield from _of_score(answer.outcome, declaration, addressed)
        case Abstention(reason=reason, text=text):
            yield _nothing(declaration, addressed)
            yield _said("abstention", "No score, and why", f"{text} ({reason})")
        case Failure(code=code, text=text):
            yield _nothing(declaration, addressed)
            yield _said("failure", "The model failed", f"{text} ({code})")
    yield _said("version", "Model version", f"{answer.version} ({answer.stage})")
    yield _said("origin", "Origin", "Made by a prediction model (AI); judge it with the patient.")


def _of_score(score: Score, declaration: Declaration, addressed: Addressed) -> Iterator[_Fields]:
    limit = "" if score.threshold is None else f"< {_number(score.threshold)}"
    flag = "" if score.threshold is None else ("A" if score.alert else "N")
    yield _valued(addressed.code, addressed.system, declaration, score.risk) | {
        7: _text(limit), 8: flag
    }  # fmt: skip
    if score.threshold is not None:
        told = ("Y", "Yes") if score.alert else ("N", "No")
        yield {
            2: "CWE",
            3: _coded("alert", "Reaches the alert threshold", OWN),
            5: _coded(*told, "HL70136"),
            8: flag,
            11: _FINAL,
        }
    for at, (name, value) in enumerate(score.outputs, start=1):
        yield _valued("output", OWN, declaration, value, label=name) | {4: str(at)}
    for name, bound in (("low", score.low), ("high", score.high)):
        if bound is not None:
            yield _valued(name, OWN, declaration, bound, label=f"{name} bound")
    if score.likely is not None:
        yield _said("likely", "Cannot be ruled out", "; ".join(score.likely))
    yield _said("verdict", "In words", verdict(score, declaration))
    for at, reason in enumerate(score.reasons, start=1):
        way = "raises" if reason.contribution > 0 else "lowers"
        yield _said("reason", "Reason", f"{reason.text} ({way})") | {4: str(at)}
    for at, note in enumerate(score.notes, start=1):
        yield _said("note", "Note", note) | {4: str(at)}


def _valued(
    code: str, system: str, declaration: Declaration, value: float, *, label: str = ""
) -> _Fields:
    unit = "1"
    if declaration.question.outcome.kind == "regression":
        unit = value_unit(declaration) or "1"
    return {
        2: "NM",
        3: _coded(code, label or declaration.title, system),
        5: _number(value),
        6: _coded(unit, "", "UCUM"),
        11: _FINAL,
    }


def _nothing(declaration: Declaration, addressed: Addressed) -> _Fields:
    """The number that could not be obtained."""
    code = _coded(addressed.code, declaration.title, addressed.system)
    return {2: "NM", 3: code, 11: _NOT_OBTAINED}


def _said(code: str, label: str, text: str) -> _Fields:
    return {2: "TX", 3: _coded(code, label, OWN), 5: _text(text[:_LONGEST]), 11: _FINAL}


def _segment(name: str, fields: _Fields) -> str:
    """A segment with these fields; MSH-1 and MSH-2 are the delimiters."""
    last = max(number for number, written in fields.items() if written)
    if name == "MSH":
        return "|".join(["MSH", "^~\\&", *(fields.get(n, "") for n in range(3, last + 1))])
    return "|".join([name, *(fields.get(n, "") for n in range(1, last + 1))])


def _copied(segment: Segment, number: int) -> str:
    """A field in our own delimiters; what stands in it stays what it is."""
    bars = segment.delimiters
    return "~".join(
        "^".join(
            "&".join(_text(segment.plain(leaf)) for leaf in part.split(bars.subcomponent))
            for part in repetition
        )
        for repetition in segment.repetitions(number)
    )


def _coded(code: str, label: str, system: str) -> str:
    return f"{_text(code)}^{_text(label)}^{_text(system)}"


def _text(text: str) -> str:
    return escape(text, STANDARD)


def _number(value: float) -> str:
    """As an NM is written: digits, no exponent."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S") + "+0000"
