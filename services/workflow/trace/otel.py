"""Hands a run to OpenTelemetry (extra ``otel``): one span for the run, one below it for each attempt."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bluelabel.interfaces.errors import MachineError, Refused
from bluelabel.services.workflow.trace.events import Span, trace

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer, TracerProvider


def export_otel(run: Mapping[str, Any], provider: TracerProvider | None = None) -> int:
    """Give the spans of a run to OpenTelemetry; return how many there were.

    Args:
        run: its JSON object.
        provider: takes the spans; the one that is set up for the program when None.

    Raises:
        MachineError: OpenTelemetry is not installed.
        Refused: it is not set up, so the spans would be lost.
    """
    try:
        from opentelemetry import trace as api
    except ImportError:
        hint = "pip install 'bluelabel[otel]', or take --format json"
        raise MachineError("this needs the library opentelemetry-api", hint=hint) from None
    found = trace(run)
    if found.start is None or found.end is None:
        return 0
    taker = provider or api.get_tracer_provider()
    if isinstance(taker, api.ProxyTracerProvider | api.NoOpTracerProvider):
        hint = "run it under `opentelemetry-instrument`, or take --format json"
        raise Refused("OpenTelemetry is not set up for this program, so nobody takes the spans", hint=hint)
    tracer = taker.get_tracer("bluelabel.workflow")
    root = tracer.start_span(f"run {run.get('dag_id')}", start_time=_nanoseconds(found.start))
    for key in ("run_id", "dag_id", "status", "total_retries"):
        value = run.get(key)
        if isinstance(value, str | int):
            root.set_attribute(f"bluelabel.{key}", value)
    below = api.set_span_in_context(root)
    for span in found.spans:
        _child(tracer, span, below, found.end)
    failed = str(run.get("status")).lower() == "failed"
    root.set_status(api.Status(api.StatusCode.ERROR if failed else api.StatusCode.OK))
    root.end(end_time=_nanoseconds(found.end))
    return len(found.spans) + 1


def _child(tracer: Tracer, span: Span, below: Any, end: datetime) -> None:
    from opentelemetry.trace import Status, StatusCode

    child = tracer.start_span(f"step {span.step_id}", context=below, start_time=_nanoseconds(span.start))
    child.set_attribute("bluelabel.step_id", span.step_id)
    child.set_attribute("bluelabel.attempt", span.attempt)
    child.set_attribute("bluelabel.status", span.status)
    if span.status in {"failed", "retry"}:
        child.set_status(Status(StatusCode.ERROR, span.message))
    elif span.status == "success":
        child.set_status(Status(StatusCode.OK))
    child.end(end_time=_nanoseconds(span.end or end))


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1_000
