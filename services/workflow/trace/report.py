"""A run as one HTML page that needs nothing else: head, graph, Gantt, steps, errors, events. Every text is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from bluelabel.services.workflow.drawing.graph import graph_of_run
from bluelabel.services.workflow.drawing.palette import clean, look
from bluelabel.services.workflow.drawing.svg import render_svg
from bluelabel.services.workflow.trace.events import Span, Trace, errors_of, steps_of, trace

_EVENTS: Final = 2_000
_BARS: Final = 1_000
_TEXT: Final = 20_000

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{{ dag_id }} {{ run_id }}</title>
<style>
:root{color-scheme:light dark;--ink:#0f172a;--dim:#475569;--page:#fff;--rule:#cbd5e1}
@media (prefers-color-scheme:dark){:root{--ink:#f1f5f9;--dim:#cbd5e1;--page:#0f172a;--rule:#475569}}
body{font:15px/1.5 ui-sans-serif,system-ui,sans-serif;color:var(--ink);background:var(--page);
max-width:70rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;width:100%;display:block;overflow-x:auto}
th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--rule);vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}
dt{color:var(--dim)}dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem}dd{margin:0}
pre{white-space:pre-wrap;overflow-wrap:anywhere;border-left:3px solid var(--rule);padding-left:.8rem}
.graph{overflow-x:auto}.graph svg{max-width:100%;height:auto}
.row{display:grid;grid-template-columns:14rem 1fr;gap:.8rem;align-items:center}
.row span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.track{position:relative;height:1.1rem;border-bottom:1px solid var(--rule)}
.bar{position:absolute;top:.1rem;bottom:.1rem;min-width:2px;border-radius:3px}
{% for word, colour in colours %}.{{ word }}{background:{{ colour }}}
{% endfor %}</style>
</head>
<body>
<h1>{{ dag_id }}</h1>
<dl>
{% for name, value in head %}<dt>{{ name }}</dt><dd>{{ value }}</dd>
{% endfor %}</dl>
<h2>Graph</h2>
<div class="graph">{{ graph }}</div>
<h2>Time</h2>
{% for bar in bars %}<div class="row"><span title="{{ bar.title }}">{{ bar.name }}</span>\
<div class="track"><div class="bar {{ bar.word }}" title="{{ bar.title }}" \
style="left:{{ bar.left }}%;width:{{ bar.width }}%"></div></div></div>
{% else %}<p>Nothing has run.</p>
{% endfor %}{% if more_bars %}<p>{{ more_bars }} more attempts are not shown.</p>{% endif %}
<h2>Steps</h2>
<table><thead><tr><th>Step</th><th>Status</th><th>Retries</th><th>Seconds</th><th>Error</th></tr></thead><tbody>
{% for step in steps %}<tr><td>{{ step.name }}</td><td>{{ step.glyph }} {{ step.status }}</td>\
<td class="n">{{ step.retries }}</td><td class="n">{{ step.seconds }}</td><td>{{ step.error }}</td></tr>
{% endfor %}</tbody></table>
{% if errors %}<h2>Errors</h2>
{% for entry in errors %}<h3>{{ entry.title }}</h3><pre>{{ entry.text }}</pre>
{% endfor %}{% endif %}<h2>Events</h2>
<table><thead><tr><th>Time (UTC)</th><th>Event</th><th>Step</th><th>Attempt</th>\
<th>Milliseconds</th><th></th></tr></thead>
<tbody>
{% for event in events %}<tr><td>{{ event.timestamp }}</td><td>{{ event.event_type }}</td><td>{{ event.step_id }}</td>\
<td class="n">{{ event.attempt }}</td><td class="n">{{ event.duration_ms }}</td><td>{{ event.message }}</td></tr>
{% endfor %}</tbody></table>
{% if more_events %}<p>{{ more_events }} more events are not shown.</p>{% endif %}
</body>
</html>
"""


def trace_html(run: Mapping[str, Any]) -> str:
    """Return the page of a run.

    Args:
        run: its JSON object.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    found = trace(run)
    page = Environment(autoescape=True, undefined=StrictUndefined).from_string(_PAGE)
    svg = render_svg(graph_of_run(run))
    events = [_event(event.as_json()) for event in found.events[:_EVENTS]]
    return page.render(
        dag_id=clean(str(run.get("dag_id") or "run"), 120),
        run_id=clean(str(run.get("run_id") or ""), 120),
        head=_head(run),
        graph=Markup(svg),  # noqa: S704 - our own picture, its texts are escaped there
        bars=_bars(found),
        more_bars=max(0, len(found.spans) - _BARS),
        steps=[_step(name, state) for name, state in steps_of(run).items()],
        errors=_errors(run),
        events=events,
        more_events=max(0, len(found.events) - _EVENTS),
        colours=[(word, look(word).line) for word in ("running", "success", "failed", "retry", "cancelled", "skipped")],
    )


def _head(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [
        ("Run", run.get("run_id")),
        ("Status", run.get("status")),
        ("Started", run.get("start_time")),
        ("Ended", run.get("end_time")),
        ("Seconds", run.get("duration_seconds")),
        ("Retries", run.get("total_retries")),
        ("Error", run.get("error")),
    ]
    return [(name, clean(str(value), 500)) for name, value in rows if value is not None]


def _bars(found: Trace) -> list[dict[str, Any]]:
    start, end = found.start, found.end
    if start is None or end is None:
        return []
    whole = max((end - start).total_seconds(), 1e-6)
    return [_bar(span, start, end, whole) for span in found.spans[:_BARS]]


def _bar(span: Span, start: datetime, end: datetime, whole: float) -> dict[str, Any]:
    seconds = ((span.end or end) - span.start).total_seconds()
    attempt = f", attempt {span.attempt}" if span.attempt > 1 else ""
    left = min(max((span.start - start).total_seconds() / whole * 100, 0.0), 100.0)
    return {
        "name": clean(span.step_id, 60) + attempt,
        "title": f"{clean(span.step_id, 60)}{attempt}: {clean(span.status, 20)}, {seconds:.3f} s",
        "word": span.status if span.status in {"success", "failed", "retry", "cancelled", "skipped"} else "running",
        "left": f"{left:.3f}",
        "width": f"{min(max(seconds / whole * 100, 0.0), 100.0 - left):.3f}",
    }


def _step(name: str, state: Mapping[str, Any]) -> dict[str, Any]:
    status = str(state.get("status") or "").lower()
    seconds = state.get("duration_seconds")
    return {
        "name": clean(name, 120),
        "status": clean(status, 40),
        "glyph": look(status).glyph,
        "retries": f"{state.get('retry_count', 0)}/{state.get('max_retries', 0)}",
        "seconds": f"{seconds:.3f}" if isinstance(seconds, int | float) else "",
        "error": clean(str(state.get("error") or ""), 300),
    }


def _errors(run: Mapping[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for name, state in steps_of(run).items():
        for row in errors_of(state):
            title = f"{name}, attempt {row.get('attempt')}: {row.get('error_type') or 'error'}"
            text = str(row.get("traceback") or row.get("error") or "")
            found.append({"title": clean(title, 200), "text": text[:_TEXT]})
    return found


def _event(row: Mapping[str, Any]) -> dict[str, Any]:
    blank = dict.fromkeys(("timestamp", "event_type", "step_id", "attempt", "duration_ms", "message"), "")
    shown = {key: clean(value, 300) if isinstance(value, str) else value for key, value in row.items()}
    return {**blank, **shown}
