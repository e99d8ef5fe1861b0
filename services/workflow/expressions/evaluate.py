"""A tiny expression language for conditions and templates: it looks at data and can do nothing else.

`bluelabel.services.workflow.expressions.grammar` shows what can be written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, cast

from bluelabel.interfaces.errors import UnreadableInput
from bluelabel.interfaces.limits import MESSAGE_BYTES
from bluelabel.interfaces.names import nearest
from bluelabel.interfaces.problems import Problem
from bluelabel.services.workflow.expressions.grammar import (
    Fault,
    Items,
    Literal,
    Node,
    Operation,
    Path,
    Segment,
    parse,
    paths,
    split,
)


class ExpressionError(UnreadableInput):
    """An expression that cannot be read, or does not fit the data; `problem` has its column (1-based)."""

    def __init__(self, problem: Problem, expression: str) -> None:
        shown = expression if len(expression) <= 80 else expression[:79] + "…"
        place = f"{shown!r}" if problem.column is None else f"{shown!r}, column {problem.column}"
        super().__init__(problem.message, where=place, hint=problem.hint, problems=(problem,))
        self.problem = problem


def evaluate(expr: str, context: Mapping[str, Any]) -> object:
    """Return what `expr` comes to.

    Args:
        expr: the expression, without braces.
        context: the names it may use: ``inputs``, ``steps`` and so on, as JSON values.

    Raises:
        ExpressionError: it cannot be read, a name is missing, or values of different kinds are ordered.
    """
    try:
        return _value(parse(expr), context)
    except Fault as fault:
        raise ExpressionError(fault.problem, expr) from None


def render(value: object, context: Mapping[str, Any]) -> Any:
    """Return `value` with every ``{{ expression }}`` in its texts replaced, however deep they are.

    A text that is one template as a whole becomes what the expression comes to, type and all. What is put in is
    not looked at again: data that holds braces stays data.

    Raises:
        ExpressionError: as `evaluate`.
    """
    if isinstance(value, str):
        return _render_text(value, context) if "{{" in value else value
    if isinstance(value, Mapping):
        return {key: render(item, context) for key, item in cast("Mapping[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [render(item, context) for item in cast("Sequence[object]", value)]
    return value


def check(expr: str) -> Problem | None:
    """Return what keeps `expr` from being read, or None."""
    try:
        parse(expr)
    except Fault as fault:
        return fault.problem
    return None


def check_template(text: str) -> Problem | None:
    """Return what keeps the templates in `text` from being read, or None; the column counts from the text's start."""
    try:
        split(text)
    except Fault as fault:
        return fault.problem
    return None


def references(expr: str) -> tuple[tuple[Segment, ...], ...]:
    """Return the paths that `expr` looks up, in order; none where it cannot be read."""
    try:
        return tuple(paths(parse(expr)))
    except Fault:
        return ()


def template_references(text: str) -> tuple[tuple[Segment, ...], ...]:
    """Return the paths that the templates in `text` look up; columns count from the text's start."""
    try:
        return tuple(path for part in split(text) if not isinstance(part, str) for path in paths(part))
    except Fault:
        return ()


def _value(node: Node, context: Mapping[str, Any]) -> object:
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Path):
        return _look_up(node.segments, context)
    if isinstance(node, Items):
        return [_value(item, context) for item in node.items]
    left = _value(node.left, context)
    if node.sign == "not":
        return not left
    if node.sign == "and":
        return _value(node.right, context) if left else left
    if node.sign == "or":
        return left or _value(node.right, context)
    return _compare(node, left, _value(node.right, context))


def _look_up(segments: tuple[Segment, ...], context: Mapping[str, Any]) -> object:
    here: object = context
    for place, segment in enumerate(segments):
        if here is None:
            return None
        found, here_next = _member(here, segment.key)
        if not found and not segment.optional:
            before = _shown(segments[:place])
            _missing(segment, here, before)
        here = here_next
    return here


def _member(here: object, key: str | int) -> tuple[bool, object]:
    if isinstance(here, Mapping):
        items = cast("Mapping[str, object]", here)
        name = str(key)
        return name in items, items.get(name)
    if isinstance(here, list | tuple):
        values = cast("Sequence[object]", here)
        place = int(key) if isinstance(key, int) or (key.isdecimal() and len(key) < 10) else None
        if place is not None and -len(values) <= place < len(values):
            return True, values[place]
    return False, None


def _missing(segment: Segment, here: object, before: str) -> NoReturn:
    inside = f" in {before}" if before else ""
    if isinstance(here, Mapping):
        names = [str(name) for name in cast("Mapping[str, object]", here)]
        close = nearest(str(segment.key), names)
        hint = f"did you mean {close[0]}?" if close else f"there is: {', '.join(names[:8]) or 'nothing'}"
    elif isinstance(here, list | tuple):
        hint = f"the list has {len(cast('Sequence[object]', here))} items"
    else:
        hint = f"{before} is {_kind(here)}"
    raise Fault(f"no {segment.key!r}{inside}", segment.column, hint, "unknown-name")


def _shown(segments: tuple[Segment, ...]) -> str:
    return "".join(f"[{s.key}]" if isinstance(s.key, int) else f".{s.key}" for s in segments).lstrip(".")


def _compare(node: Operation, left: object, right: object) -> bool:
    if node.sign == "==":
        return _same(left, right)
    if node.sign == "!=":
        return not _same(left, right)
    if node.sign in {"in", "not in"}:
        return _contains(node, left, right) is (node.sign == "in")
    if isinstance(left, str) and isinstance(right, str):
        return _ordered(node.sign, left, right)
    if _is_number(left) and _is_number(right):
        return _ordered(node.sign, cast("float", left), cast("float", right))
    raise Fault(f"{_kind(left)} and {_kind(right)} have no order", node.column, "compare numbers or texts")


def _ordered(sign: str, left: Any, right: Any) -> bool:
    if sign == "<":
        return bool(left < right)
    if sign == "<=":
        return bool(left <= right)
    return bool(left > right) if sign == ">" else bool(left >= right)


def _contains(node: Operation, item: object, whole: object) -> bool:
    if isinstance(whole, str):
        if isinstance(item, str):
            return item in whole
        raise Fault(f"a text cannot contain {_kind(item)}", node.column)
    if isinstance(whole, Mapping):
        return isinstance(item, str) and item in whole
    if isinstance(whole, list | tuple):
        return any(_same(item, other) for other in cast("Sequence[object]", whole))
    raise Fault(f"{_kind(whole)} contains nothing", node.column, "use a list, a text or a mapping after `in`")


def _same(left: object, right: object) -> bool:
    # Python's True == 1 would make a flag equal to a count.
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(value: object) -> str:
    if value is None:
        return "null"
    for kind, name in ((bool, "a boolean"), (str, "a text"), (int | float, "a number"), (Mapping, "a mapping")):
        if isinstance(value, kind):
            return name
    return "a list" if isinstance(value, list | tuple) else f"a {type(value).__name__}"


def _render_text(text: str, context: Mapping[str, Any]) -> object:
    try:
        parts = split(text)
        if len(parts) == 1 and not isinstance(parts[0], str):
            return _value(parts[0], context)
        made: list[str] = []
        size = 0
        for part in parts:
            made.append(part if isinstance(part, str) else _as_text(_value(part, context)))
            size += len(made[-1])
            if size > MESSAGE_BYTES:
                _too_long()
        return "".join(made)
    except Fault as fault:
        raise ExpressionError(fault.problem, text) from None


def _too_long() -> NoReturn:
    raise Fault(f"the text grows past {MESSAGE_BYTES:,} characters", None, "pass a reference")


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
