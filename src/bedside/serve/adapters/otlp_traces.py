"""Traces of requests, told to an OpenTelemetry collector over OTLP/HTTP; needs the extra."""

from collections.abc import Mapping, MutableMapping
from time import perf_counter_ns
from typing import Any

from opentelemetry import trace as otel
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from bedside.core.clock import Clock
from bedside.core.records.caller import Caller
from bedside.serve.routes import CALLER, ROUTE
from bedside.serve.tracing import Trace, parent_of

__all__ = ["OtlpTraces"]

NOBODY = "anybody"
"""The name of the caller of a route that needs none: its `traceparent` is not believed."""


class OtlpTraces:
    """Makes spans of finished traces and sends them in a thread of its own, many at once.

    Args:
        endpoint: Of the collector, without `/v1/traces`.
        clock: Says what time it is now; the steps of a trace are measured from here on.
        version: Of Bedside.
    """

    def __init__(self, endpoint: str, *, clock: Clock, version: str) -> None:
        resource = Resource.create({"service.name": "bedside", "service.version": version})
        self._provider = TracerProvider(resource=resource)
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("bedside.serve", version)
        self._zero = int(clock.now().timestamp() * 1e9) - perf_counter_ns()

    def finished(self, trace: Trace, scope: MutableMapping[str, Any], status: int) -> None:
        """One span of the request, and one below it of each step of its answer."""
        route, method = scope.get(ROUTE), scope["method"]
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "http.response.status_code": status,
            **({} if route is None else {"http.route": route}),
            **trace.attributes,
        }
        whole = self._tracer.start_span(
            method if route is None else f"{method} {route}",
            context=_parent(scope),
            kind=otel.SpanKind.SERVER,
            attributes=attributes,
            start_time=self._zero + trace.begun,
        )
        if status >= 500:
            whole.set_status(otel.StatusCode.ERROR)
        inside = otel.set_span_in_context(whole)
        for name, begun, ended in trace.steps:
            step = self._tracer.start_span(name, context=inside, start_time=self._zero + begun)
            step.end(self._zero + ended)
        whole.end(self._zero + perf_counter_ns())

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


def _parent(scope: Mapping[str, Any]) -> Any:
    """Where the trace began, if a caller who is known says so; else an empty context."""
    caller: Caller | None = scope.get(CALLER)
    if caller is None or caller.name == NOBODY:
        return otel.set_span_in_context(otel.INVALID_SPAN)
    said = parent_of(_once(scope["headers"]))
    if said is None:
        return otel.set_span_in_context(otel.INVALID_SPAN)
    trace_id, span_id, sampled = said
    flags = otel.TraceFlags.SAMPLED if sampled else otel.TraceFlags.DEFAULT
    context = otel.SpanContext(
        trace_id, span_id, is_remote=True, trace_flags=otel.TraceFlags(flags)
    )
    return otel.set_span_in_context(otel.NonRecordingSpan(context))


def _once(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by name; one that was sent twice is empty."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found[name] = b"" if name in found else value
    return found
