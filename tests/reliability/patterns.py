"""Every regular expression of the package, and strings that make a careless one slow."""

from __future__ import annotations

import ast
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import FrameType

ROOMS = ("interfaces", "agents", "services", "runner", "apps")
LENGTH = 100_000
_METHODS = ("match", "fullmatch", "search", "finditer", "findall", "sub", "subn", "split")
_PIECES = (
    *(" ", "\t", "\n", "\r\n", "a", "A", "0", ".", "-", "_", "=", "*", "#", "`", "~", "|", ":", ",", ";", "/", "\\"),
    *('"', "'", "[", "]", "(", ")", "{", "}", "<", ">", "!", "?", "@", "$", "%", "&", "+", "\0", "\x1b[", "\xe9"),
    *("a ", " a", "a.", "0.", "a-", "a/", "/a", "a:", ": ", "- ", "- [", "[x] ", "**", "** ", "a\n", "\n\n", " \n"),
    *("```\n", "### ", "<!--", "-->", "{{", "}}", "${", '\\"', '"a"', "//", "/*", "*/", "<<<<<<<", "TASK-", "0-", "0:"),
    *("](", "![", "&amp;", "http://", "a@", "=a", "a=", "aA", "ab", "\u2705", "\xe2\x9c"),
)
_ENDS = ("", "\0", "\n", "!")


@dataclass(frozen=True, slots=True)
class Use:
    """A pattern, how it is applied, and where it stands."""

    where: str
    pattern: re.Pattern[str] | re.Pattern[bytes]
    method: str


class TooSlow(Exception):
    """A pattern took longer than it may."""


def uses(root: Path) -> Iterator[Use]:
    """Yield every use of a pattern in the package, found by reading its source."""
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            yield from _uses_in(path, ".".join(("bluelabel", *path.relative_to(root).with_suffix("").parts)))


def _uses_in(path: Path, module: str) -> Iterator[Use]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if not any(isinstance(node, ast.Name) and node.id == "re" for node in ast.walk(tree)):
        return
    loaded = import_module(module.removesuffix(".__init__"))
    named = {name: value for name, value in vars(loaded).items() if isinstance(value, re.Pattern)}
    applied: dict[str, set[str]] = {name: set() for name in named}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner, method = node.func.value, node.func.attr
        if isinstance(owner, ast.Name) and owner.id in applied and method in _METHODS:
            applied[owner.id].add(method)
        elif isinstance(owner, ast.Name) and owner.id == "re" and method in (*_METHODS, "compile"):
            found = _constant(node)
            if found is not None and (method != "compile" or found.pattern not in {p.pattern for p in named.values()}):
                yield Use(f"{path.name}:{node.lineno}", found, "search" if method == "compile" else method)
    for name, methods in applied.items():
        for method in sorted(methods or {"search"}):
            yield Use(f"{path.name}:{name}", named[name], method)


def _constant(call: ast.Call) -> re.Pattern[str] | re.Pattern[bytes] | None:
    """Return the pattern that a call of `re` is given as it stands; None where it is put together."""
    try:
        value = ast.literal_eval(call.args[0])
        flags = [node.attr for node in ast.walk(call) if isinstance(node, ast.Attribute) and hasattr(re, node.attr)]
        return re.compile(value, sum(getattr(re, flag) for flag in flags if flag.isupper()))
    except (ValueError, IndexError, TypeError):
        return None


def strings(length: int = LENGTH) -> Iterator[str]:
    """Yield strings of which each is one small thing said over and over, with an end that does not fit."""
    for piece in _PIECES:
        for end in _ENDS:
            yield piece * (length // len(piece)) + end


def seconds(use: Use, text: str, limit: float) -> float:
    """Return the CPU seconds that a use takes on a text.

    Raises:
        TooSlow: more than `limit`.
    """
    given = text if isinstance(use.pattern.pattern, str) else text.encode()
    started = time.process_time()
    previous = signal.signal(signal.SIGPROF, _stopped)
    signal.setitimer(signal.ITIMER_PROF, limit)
    try:
        _apply(use, given)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)
    return time.process_time() - started


def _apply(use: Use, given: str | bytes) -> None:
    method = getattr(use.pattern, use.method)
    if use.method in ("sub", "subn"):
        method(given[:0], given)
    elif use.method == "finditer":
        for _ in method(given):
            pass
    else:
        method(given)


def _stopped(_signal: int, _frame: FrameType | None) -> None:
    raise TooSlow
