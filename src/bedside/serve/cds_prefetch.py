"""The data of a call: what was sent along, and what is fetched where that is allowed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from bedside.core.errors import BedsideError, Refused
from bedside.core.ports.cds_hooks import PrefetchSource
from bedside.interop.cds_hooks.request import HookCall
from bedside.serve.respond import Workers

__all__ = ["Fallback", "Gathered"]

_THREADS = 8  # fetches at once; they wait for a server of others, and never hold up an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The resources by key; what is `missing` could not be had, `why` says for what reason."""

    sent: dict[str, msgspec.Raw]
    fetched: dict[str, bytes] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    why: BedsideError | None = None


class Fallback:
    """Fills a call's gaps from the client's FHIR server; without a source, nothing is fetched."""

    def __init__(self, source: PrefetchSource | None) -> None:
        self._source = source
        self._workers = Workers(_THREADS)

    async def fill(
        self, templates: Mapping[str, str], call: HookCall, gaps: tuple[str, ...]
    ) -> Gathered:
        """What was sent, and in place of the gaps what is fetched; or why it is not."""
        sent = {key: call.prefetch[key] for key in templates if key in call.prefetch}
        if not gaps:
            return Gathered(sent=sent)
        source, access = self._source, call.fhir
        if access is None:
            return Gathered(sent=sent, missing=gaps)
        if source is None:
            return Gathered(sent=sent, missing=gaps, why=_none_allowed())
        queries = {key: _filled(templates[key], call.patient_id) for key in gaps}
        try:
            fetched = await self._workers.run(
                lambda: source.fetch(access.server, access.token, queries)
            )
        except BedsideError as error:
            return Gathered(sent=sent, missing=gaps, why=error)
        kept = {key: part for key, part in sent.items() if key not in fetched}
        return Gathered(sent=kept, fetched=fetched)


def _filled(template: str, patient_id: str) -> str:
    return template.replace("{{context.patientId}}", patient_id)


def _none_allowed() -> Refused:
    return Refused(
        "No FHIR server may be asked from here.",
        fix="name the client's server under fhir_servers in cds_clients.json.",
        code="server_not_allowed",
    )
