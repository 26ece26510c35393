"""A call of a CDS Hooks service, read and checked, with the context of its hook.

Source: CDS Hooks 2.0, "Calling a CDS Service"; the hook definitions patient-view 1.0,
order-select 1.0, order-sign 1.1 and encounter-discharge 1.0.
"""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from bedside.core.errors import Invalid
from bedside.interop.fhir.resources import ABSENT, given
from bedside.interop.strict_json import decode, invalid

__all__ = [
    "FhirAccess",
    "HookCall",
    "check_context",
    "is_uuid",
    "kept_request",
    "missing_prefetch",
    "read_call",
    "read_uuid",
]


class _Context(msgspec.Struct, rename="camel", frozen=True):
    patient_id: str
    user_id: str | None = None
    encounter_id: str | None = None
    selections: tuple[str, ...] | None = None
    draft_orders: msgspec.Raw = ABSENT


class _Authorization(msgspec.Struct, frozen=True):
    access_token: str
    token_type: str
    expires_in: float
    scope: str
    subject: str
    patient: str | None = None


class _Call(msgspec.Struct, rename="camel", frozen=True):
    hook: str
    hook_instance: str
    context: _Context
    fhir_server: str | None = None
    fhir_authorization: _Authorization | None = None
    prefetch: dict[str, msgspec.Raw] | None = None


_CALL = msgspec.json.Decoder(_Call)
_TOP = msgspec.json.Decoder(dict[str, msgspec.Raw])
_FHIR_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_USER = re.compile(r"(Practitioner|PractitionerRole|Patient|RelatedPerson)/[A-Za-z0-9.-]{1,64}")
_SELECTION = re.compile(r"[A-Z][A-Za-z]{1,63}/[A-Za-z0-9.-]{1,64}")
_NEEDED = {
    "patient-view": ("userId", "patientId"),
    "order-select": ("userId", "patientId", "selections", "draftOrders"),
    "order-sign": ("userId", "patientId", "draftOrders"),
    "encounter-discharge": ("userId", "patientId", "encounterId"),
}
_TOKEN_SIGNS = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750, b64token


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirAccess:
    """The client's FHIR server, and the token that it gives for it; never shown in a text."""

    server: str
    token: str | None = None

    def __repr__(self) -> str:
        return "FhirAccess(...)"


@dataclass(frozen=True, slots=True, kw_only=True)
class HookCall:
    """One call: who is looked at, and the FHIR resources sent along, still undecoded.

    `draft_orders` is None where the call brings none.
    """

    hook: str
    instance: str
    patient_id: str
    user_id: str | None = None
    encounter_id: str | None = None
    selections: tuple[str, ...] = ()
    draft_orders: msgspec.Raw | None = None
    prefetch: dict[str, msgspec.Raw]
    fhir: FhirAccess | None = None


def read_call(content: bytes, *, hook: str | None = None) -> HookCall:
    """Read the body of `POST /cds-services/ID`; what its hook needs is left to `check_context`.

    Args:
        content: The body.
        hook: The hook that it must be a call of; None: any.

    Raises:
        Invalid: it is malformed, or is a call of another hook.
    """
    call = decode(_CALL, content, "The request")
    if hook is not None and call.hook != hook:
        raise invalid("hook", "is not the hook of this service.", fix=f"call it with '{hook}'.")
    context = call.context
    if not context.patient_id:
        raise invalid("context.patientId", "is empty.", fix="give the id of the FHIR Patient.")
    return HookCall(
        hook=call.hook,
        instance=read_uuid(call.hook_instance, "hookInstance"),
        patient_id=context.patient_id,
        user_id=context.user_id,
        encounter_id=context.encounter_id,
        selections=context.selections or (),
        draft_orders=context.draft_orders if given(context.draft_orders) else None,
        prefetch=call.prefetch or {},
        fhir=_access(call),
    )


def check_context(call: HookCall) -> None:
    """Check the fields of the call's context against the definition of its hook.

    Raises:
        Invalid: a field that the hook needs is not there, or is not of its form.
    """
    told = {
        "userId": call.user_id,
        "patientId": call.patient_id,
        "encounterId": call.encounter_id,
        "selections": call.selections,
        "draftOrders": call.draft_orders,
    }
    for name in _NEEDED.get(call.hook, ()):
        if not told[name]:
            raise invalid(
                f"context.{name}", "is not given.", fix=f"the hook {call.hook} needs it: add it."
            )
    _fits(_USER, call.user_id, "userId", "write it like Practitioner/ID")
    _fits(_FHIR_ID, call.patient_id, "patientId", "give the id alone, without Patient/")
    _fits(_FHIR_ID, call.encounter_id, "encounterId", "give the id alone, without Encounter/")
    for index, one in enumerate(call.selections):
        _fits(_SELECTION, one, f"selections[{index}]", "write it like MedicationRequest/ID")


def missing_prefetch(templates: Mapping[str, str], call: HookCall) -> tuple[str, ...]:
    """The keys of the templates that were not sent."""
    return tuple(key for key in templates if key not in call.prefetch)


def kept_request(call: HookCall, content: bytes, fetched: Mapping[str, bytes]) -> bytes:
    """The request as the ledger keeps it: without the client's token, with what was fetched.

    A request that has no token, and all its data, is kept as it came, to the byte.

    Args:
        call: What was read of it.
        content: The body.
        fetched: JSON by prefetch key, from the client's FHIR server.
    """
    if not fetched and (call.fhir is None or call.fhir.token is None):
        return content
    top = decode(_TOP, content, "The request")
    kept: dict[str, Any] = {key: part for key, part in top.items() if key != "fhirAuthorization"}
    if fetched:
        sent = kept.get("prefetch", ABSENT)
        prefetch: dict[str, Any] = _TOP.decode(sent) if given(sent) else {}
        prefetch.update({key: msgspec.Raw(part) for key, part in fetched.items()})
        kept["prefetch"] = prefetch
    return msgspec.json.encode(kept)


def is_uuid(text: str) -> bool:
    """Whether the text is a UUID.

    >>> is_uuid("d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"), is_uuid("7")
    (True, False)
    """
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def read_uuid(text: str, where: str) -> str:
    """The UUID in its usual form.

    Raises:
        Invalid: it is none.
    """
    if not is_uuid(text):
        raise invalid(where, "is not a UUID.", fix="give a UUID.")
    return str(uuid.UUID(text))


def _access(call: _Call) -> FhirAccess | None:
    given_token = call.fhir_authorization
    if call.fhir_server is None:
        if given_token is not None:
            raise invalid(
                "fhirServer", "is not given beside fhirAuthorization.", fix="give its address."
            )
        return None
    if given_token is None:
        return FhirAccess(server=call.fhir_server)
    if given_token.token_type.lower() != "bearer":
        raise invalid("fhirAuthorization.token_type", "is not Bearer.", fix="give a bearer token.")
    if not _TOKEN_SIGNS.fullmatch(given_token.access_token):
        raise _unfit_token()
    return FhirAccess(server=call.fhir_server, token=given_token.access_token)


def _unfit_token() -> Invalid:
    return invalid(
        "fhirAuthorization.access_token", "is not a bearer token.", fix="send it as RFC 6750 says."
    )


def _fits(form: re.Pattern[str], text: str | None, name: str, fix: str) -> None:
    if text is not None and not form.fullmatch(text):
        raise invalid(f"context.{name}", "is not of its form.", fix=f"{fix}.")
