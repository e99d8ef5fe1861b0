"""Every regular expression of the package, and strings that make a careless one slow."""

from __future__ import annotations

import ast
import re
import signal
import time
from collections import defaultdict
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
    """Yield every use of a pattern in the package, found by reading its source.

    One that is kept in a table or handed to functions counts as matched at one place; one that is applied to a
    constant is left out.
    """
    files = {path: ast.parse(path.read_text("utf-8")) for room in ROOMS for path in sorted((root / room).rglob("*.py"))}
    shared = _applied(*files.values())
    for path, tree in files.items():
        if any(isinstance(node, ast.Name) and node.id == "re" for node in ast.walk(tree)):
            parts = path.relative_to(root).with_suffix("").parts
            module = import_module(".".join(("bluelabel", *parts)).removesuffix(".__init__"))
            named = {name: value for name, value in vars(module).items() if isinstance(value, re.Pattern)}
            own = _applied(tree)
            for name, pattern in named.items():
                for method in sorted((own if name.startswith("_") else shared)[name]) or ["match"]:
                    yield Use(f"{path.name}:{name}", pattern, method)
            yield from _unnamed(path, tree, {pattern.pattern for pattern in named.values()})


def _applied(*trees: ast.AST) -> defaultdict[str, set[str]]:
    """Return which methods of patterns are called on each name."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for owner, method, _ in (call for tree in trees for call in _calls(tree)):
        if method in _METHODS:
            found[owner].add(method)
    return found


def _calls(tree: ast.AST) -> Iterator[tuple[str, str, ast.Call]]:
    """Yield the calls of methods: the last name of the owner, the method, and the call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            yield name, node.func.attr, node


def _unnamed(path: Path, tree: ast.AST, named: set[str | bytes]) -> Iterator[Use]:
    """Yield the patterns that are written where they are applied, or compiled inside of something else."""
    for owner, method, node in _calls(tree):
        if owner == "re" and method in (*_METHODS, "compile") and (found := _constant(node)) is not None:
            compiled, fixed = method == "compile", isinstance(node.args[-1], ast.Constant)
            if not (found.pattern in named if compiled else fixed):
                yield Use(f"{path.name}:{node.lineno}", found, "match" if compiled else method)


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
