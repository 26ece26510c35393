"""An inference request about one patient into events.

Source: Open Inference Protocol v2, "Inference Request JSON Object".
"""

import difflib
import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Annotated, NamedTuple, NoReturn, cast

import msgspec

from bedside.core.ids import subject_pseudonym
from bedside.core.kept import Kept
from bedside.core.records.declaration import Declaration
from bedside.core.records.event import Event
from bedside.core.records.told_now import Layout, ToldNow
from bedside.interop.instants import read_instant
from bedside.interop.open_inference.metadata import inputs_of, outputs_of
from bedside.interop.open_inference.tensor import PlainTensor, Tensor, TensorReader
from bedside.interop.strict_json import decode, invalid

__all__ = ["InferenceRequest", "read_request"]


_Pseudonym = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _RequestParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    as_of: str | None = None
    subject: str | int | None = None
    pseudonym: _Pseudonym | None = None
    reasons: bool = True


class _OutputParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    binary_data: bool = False


class _RequestedOutput(msgspec.Struct, frozen=True):
    name: str
    parameters: _OutputParameters | None = None


class _Request(msgspec.Struct, frozen=True):
    inputs: tuple[Tensor, ...]
    id: str | None = None
    parameters: _RequestParameters | None = None
    outputs: tuple[_RequestedOutput, ...] = ()


class _PlainRequest(msgspec.Struct, frozen=True):
    inputs: tuple[PlainTensor, ...]
    id: str | None = None
    parameters: _RequestParameters | None = None
    outputs: tuple[_RequestedOutput, ...] = ()


_DECODER = msgspec.json.Decoder(_Request)
_PLAIN = msgspec.json.Decoder(_PlainRequest)
_NO_PARAMETERS = _RequestParameters()
_LAYOUTS = 64


class _Readers:
    """The inputs of a model, and the layouts of the plain requests that came lately."""

    def __init__(self, declaration: Declaration) -> None:
        self.by_name = {name: TensorReader(asked) for name, asked in inputs_of(declaration).items()}
        self._layouts: dict[tuple[str, ...], Layout] = {}

    def layout(self, names: tuple[str, ...]) -> Layout | None:
        """How plain tensors of these names are told; None: they are not all numbers, once each."""
        found = self._layouts.get(names)
        if found is None and len(set(names)) == len(names) and self.by_name.keys() >= set(names):
            found = TensorReader.layout([self.by_name[name] for name in names])
            if found is not None:
                if len(self._layouts) >= _LAYOUTS:
                    self._layouts = {}
                self._layouts[names] = found
        return found


_readers_of = Kept(_Readers)


class InferenceRequest(NamedTuple):
    """The question: what is known about one patient, up to `as_of`.

    `subject_id` is the pseudonym of the subject, if the request names one. `reasons` is whether it
    wants to know what moved the score. `outputs` names the tensors that it wants; none: all.
    """

    events: Sequence[Event]
    as_of: datetime
    subject_id: int | None = None
    id: str | None = None
    reasons: bool = True
    outputs: tuple[str, ...] = ()


def read_request(content: bytes, declaration: Declaration, *, now: datetime) -> InferenceRequest:
    """Read the body of `POST /v2/models/NAME/infer`.

    Each input is one signal with its values in `data` and, in `parameters`, their `times`, when
    they were `known_at`, their `unit` and, for what lasts, its `ends`. Without times a single value
    holds at `as_of`; with times but without `known_at` the declared delay of the signal applies.
    The parameters of the request are `as_of`, `subject` (or, from whoever has no identifier any
    more, its `pseudonym`), and `reasons`: false spares the time that it takes to say what moved the
    score.

    Args:
        content: JSON.
        declaration: Whose inputs are meant.
        now: `as_of`, where the request states none.

    Raises:
        Invalid: an input is unknown, given twice, of another datatype or shape, not finite, or
            has malformed times; a requested output is none of the model's. The text
            names the place and never a value.
    """
    readers = _readers_of(declaration)
    plain = _plain(content, readers)
    request: _Request | _PlainRequest
    request = decode(_DECODER, content, "The request") if plain is None else plain[0]
    parameters = request.parameters or _NO_PARAMETERS
    as_of = now
    if parameters.as_of is not None:
        as_of = read_instant(parameters.as_of, "parameters.as_of")
    subject = parameters.pseudonym
    if parameters.subject is not None:
        if subject is not None:
            raise invalid(
                "parameters.pseudonym", "stands beside a subject.", fix="give one of them."
            )
        subject = subject_pseudonym(str(parameters.subject), salt=declaration.data.pseudonym_salt)
    return InferenceRequest(
        events=(
            ToldNow(plain[1], plain[2], as_of, subject or 0)
            if plain is not None
            else _events(cast(_Request, request).inputs, readers.by_name, as_of, subject or 0)
        ),
        as_of=as_of,
        subject_id=subject,
        id=request.id,
        reasons=parameters.reasons,
        outputs=_wanted(request.outputs, declaration) if request.outputs else (),
    )


def _plain(content: bytes, readers: _Readers) -> tuple[_PlainRequest, Layout, list[float]] | None:
    """A request of plain numbers, how they are told, and the numbers; None: it is another."""
    try:
        request = _PLAIN.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    layout = readers.layout(tuple([one.name for one in request.inputs]))
    values = [one.data[0] for one in request.inputs]
    if not layout:
        return None
    finite = math.isfinite(sum(values)) or all(map(math.isfinite, values))
    return (request, layout, values) if finite else None


def _events(
    inputs: Sequence[Tensor],
    readers: Mapping[str, TensorReader],
    as_of: datetime,
    subject_id: int,
) -> tuple[Event, ...]:
    events: list[Event] = []
    seen: set[str] = set()
    for index, tensor in enumerate(inputs):
        reader = readers.get(tensor.name) or _unknown(tensor.name, readers, f"inputs[{index}]")
        if reader.name in seen:
            raise invalid(f"inputs[{index}]", f"gives '{reader.name}' again.", fix="give it once.")
        seen.add(reader.name)
        events += reader.events(tensor, as_of, subject_id)
    return tuple(events)


def _wanted(outputs: tuple[_RequestedOutput, ...], declaration: Declaration) -> tuple[str, ...]:
    """The names of the requested outputs.

    Raises:
        Invalid: one is not the model's, or is to be sent as bytes outside the JSON.
    """
    known = [each["name"] for each in outputs_of(declaration)]
    for index, each in enumerate(outputs):
        if each.name not in known:
            raise invalid(
                f"outputs[{index}].name",
                "is not an output of this model.",
                fix=f"ask for: {', '.join(known)}; or leave outputs out for all of them.",
                code="unknown_output",
            )
        if each.parameters is not None and each.parameters.binary_data:
            raise invalid(
                f"outputs[{index}].parameters.binary_data",
                "is true, but answers are JSON here.",
                fix="leave it out.",
            )
    return tuple(each.name for each in outputs)


def _unknown(name: str, known: Collection[str], where: str) -> NoReturn:
    near = difflib.get_close_matches(name[:100], list(known), n=1, cutoff=0.0)
    raise invalid(
        f"{where}.name",
        "is not an input of this model.",
        code="unknown_input",
        fix=f"did you mean '{near[0]}'? GET the model's metadata for all inputs."
        if near
        else "send no inputs.",
    )
