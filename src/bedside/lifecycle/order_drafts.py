"""What staff were ordering, from the CDS Hooks calls that a model answered, as columns."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl

from bedside.core.clock import parse_instant
from bedside.core.errors import Invalid
from bedside.core.records.declaration import Declaration
from bedside.interop.cds_hooks.request import HookCall, read_call
from bedside.interop.fhir.orders import codes_by_order
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle.platform import Platform

__all__ = ["draft_orders", "orders_of_call"]

ORDERING = ("order-sign", "order-select")
_TIME = pl.Datetime("us", "UTC")
_COLUMNS: dict[str, Any] = {
    "subject_id": pl.Int64, "time": _TIME, "known_at": _TIME, "code": pl.String,
    "signed": pl.Boolean,
}  # fmt: skip


def draft_orders(
    platform: Platform, declared: Declaration, model: str, *, since: str | None
) -> pl.DataFrame:
    """The draft orders of every call of a model's services that are asked while ordering.

    Args:
        platform: The workspace.
        declared: Whether anything is asked of drafts, and which services there are.
        model: Every version's calls count.
        since: Recorded then or later (ISO 8601).

    Returns:
        subject_id, time and known_at (when the call was answered), code, and whether the order
        was being `signed`: at `order-sign`, not picked at `order-select`.
    """
    wanted = any(one.drafts != "none" for one in declared.monitoring.watch.interventions.values())
    hooks = {service.hook for service in declared.channels.services}
    rows = _rows(platform, model, since) if wanted and not hooks.isdisjoint(ORDERING) else iter(())
    return pl.DataFrame(list(rows), schema=_COLUMNS, orient="row")


def orders_of_call(request: str) -> list[tuple[str, bool]]:
    """The code of each draft order of a call, and whether it was being signed.

    Of `order-select`, only what was being picked counts.

    >>> orders_of_call("{}")
    []
    """
    try:
        call = read_call(request.encode())
        return list(_ordered(call)) if call.hook in ORDERING else []
    except Invalid:
        return []


def _ordered(call: HookCall) -> Iterator[tuple[str, bool]]:
    if call.draft_orders is None:
        return
    signed = call.hook == "order-sign"
    for name, codes in codes_by_order(call.draft_orders, "context.draftOrders"):
        if signed or name in call.selections:
            yield from ((code, signed) for code in codes)


def _rows(
    platform: Platform, model: str, since: str | None
) -> Iterator[tuple[int, datetime, datetime, str, bool]]:
    found = [
        one
        for one in platform.predictions.find(model=model, since=since)
        if one.channel == "cds_hooks"
    ]
    as_of = {one.sequence: one.as_of for one in found}
    for sequence, content in platform.ledger.unseal_all(as_of):
        sealed = opened_answer(content)
        subject, request = sealed.get("subject"), sealed.get("request")
        if isinstance(subject, int) and isinstance(request, str):
            at = parse_instant(as_of[sequence])
            for code, signed in orders_of_call(request):
                yield subject, at, at, code, signed
