"""Reads YAML and JSON into nodes. Limits are kept while reading, before anything is built."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from bluelabel.interfaces.limits import JSON_DEPTH, WORKFLOW_BYTES
from bluelabel.services.workflow.definition.diagnostics import Findings, Place
from bluelabel.services.workflow.definition.nodes import Lines, Node, NodeKind, from_plain, resolve

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_VALUES: Final = 60_000
"""More keys and values than any workflow within the limit of bytes has use for."""

_BREAK = re.compile("[\x85\u2028\u2029]")
_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_HINTS: Final = (
    (
        "found character that cannot start any token",
        "indent with blanks, not tabs; quote texts that begin with @ or `",
    ),
    ("mapping values are not allowed", "put the text in quotes when it holds a colon, or check the indentation"),
    ("did not find expected key", "check the indentation of this line and the one before it"),
    ("could not find expected ':'", "a key needs a colon and a blank after it"),
    ("did not find expected ',' or", "a bracket or brace is not closed, or a comma is missing"),
    ("did not find expected '-' indicator", "check the indentation: the items of a list begin in one column"),
    ("found unexpected end of stream", "a quoted text is not closed"),
)


def read_nodes(data: bytes, findings: Findings) -> Node | None:
    """Return the root of the only document in `data`, or None where there is none that can be read.

    Args:
        data: the bytes of a YAML or JSON file.
        findings: is told everything that is wrong.
    """
    if len(data) > WORKFLOW_BYTES:
        hint = "split it: a step may be a `workflow` of its own"
        findings.error("too-large", f"{len(data):,} bytes are over the limit of {WORKFLOW_BYTES:,}", hint=hint)
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        findings.error("not-utf8", f"not UTF-8 at byte {error.start}", _places(data, error.start), "save it as UTF-8")
        return None
    inner = Findings()
    is_json = text.lstrip()[:1] == "{"
    root = _Builder(_as_yaml(text) if is_json else text, inner).build()
    if root is None and is_json and not inner.refused:
        root = _from_json(text)
    if root is None or not inner.syntax:
        findings.merge(inner)
    return root


def _places(data: bytes, offset: int) -> Place:
    before = data[:offset].decode("utf-8-sig", "replace")
    return Lines(before).place(len(before))


def _as_yaml(text: str) -> str:
    # What JSON takes for characters of a text and YAML for line breaks is escaped; columns after it shift.
    return _BREAK.sub(lambda match: f"\\u{ord(match[0]):04x}", _PAIR.sub(_joined, text))


def _joined(match: re.Match[str]) -> str:
    # Two escapes for one character are JSON; YAML writes it as one. The columns after it shift by two.
    return f"\\U{ord(json.loads(chr(34) + match[0] + chr(34))):08x}"


def _from_json(text: str) -> Node | None:
    try:
        return from_plain(json.loads(text))
    except (ValueError, RecursionError):
        return None


class _Stop(Exception):
    """Reading cannot go on."""


class _Builder:
    def __init__(self, text: str, findings: Findings) -> None:
        self.text = text
        self.lines = Lines(text)
        self.findings = findings
        self.stack: list[tuple[Node, Node | None]] = []
        self.key: Node | None = None
        self.root: Node | None = None
        self.documents = 0
        self.values = 0

    def build(self) -> Node | None:
        try:
            for event in self._events():
                self._take(event)
        except _Stop:
            return None
        if self.root is None:
            self.findings.error(
                "empty", "there is nothing in this file", Place(1, 1), "`bluelabel workflow new` shows one"
            )
        return self.root

    def _events(self) -> Iterator[Any]:
        try:
            yield from yaml.parse(self.text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            mark: Any = error.problem_mark or error.context_mark
            message = str(error.problem or error.context or "not YAML")
            self._syntax(message, min(mark.index, len(self.text)) if mark is not None else 0)
        except yaml.reader.ReaderError as error:
            found = next((i for i, char in enumerate(self.text) if _forbidden(char)), 0)
            self._syntax(str(error.reason), found)

    def _syntax(self, message: str, index: int) -> None:
        hint = next((hint for begin, hint in _HINTS if begin in message), "check the line and the one before it")
        self.findings.error("yaml-syntax", message, self.lines.place(index), hint, syntax=True)
        raise _Stop

    def _refuse(self, code: str, message: str, index: int, hint: str) -> None:
        self.findings.error(code, message, self.lines.place(index), hint, refused=True)
        raise _Stop

    def _take(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self.values += 1
            if self.values > _VALUES:
                self._refuse("too-many", f"more than {_VALUES:,} keys and values", _index(event), "split the file")
            self._add(self._scalar(event))
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            node, self.key = self.stack.pop()
            self._add(node)
        elif isinstance(event, yaml.AliasEvent):
            message = f"the alias *{event.anchor} is not read"
            self._refuse("alias", message, _index(event), "write the value out")
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                message = "a second document begins here"
                self._refuse("several-documents", message, _index(event), "keep one workflow a file")

    def _open(self, event: Any) -> None:
        index = _index(event)
        self._check_tag(event, index)
        kind = NodeKind.MAPPING if isinstance(event, yaml.MappingStartEvent) else NodeKind.LIST
        if len(self.stack) >= JSON_DEPTH:
            self._refuse("too-deep", f"nested deeper than {JSON_DEPTH}", index, "flatten it")
        self.stack.append((Node(kind, self.lines.place(index), items=[], entries={}), self.key))
        self.key = None

    def _check_tag(self, event: Any, index: int) -> None:
        tag = event.tag
        if tag and tag != "!" and tag not in _TAGS:
            self._refuse("tag", f"the tag {str(tag)[:40]} is not read", index, "write the plain value")

    def _scalar(self, event: Any) -> Node:
        start, end = event.start_mark, event.end_mark
        self._check_tag(event, start.index)
        text = str(event.value)
        plain = bool(event.implicit[0])
        single = start.line == end.line and end.index - start.index in (len(text), len(text) + 2)
        inset = (0 if plain else 1) if single and event.style in (None, "", "'", '"') else None
        value = resolve(text) if plain or event.tag in _RESOLVED else text
        return Node(NodeKind.SCALAR, self.lines.place(start.index), value, text, inset)

    def _add(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        parent, _ = self.stack[-1]
        if parent.kind is NodeKind.LIST:
            parent.items.append(node)
        elif self.key is None:
            self.key = self._as_key(node)
        else:
            self._enter(parent, self.key, node)
            self.key = None

    def _as_key(self, node: Node) -> Node:
        if node.kind is not NodeKind.SCALAR:
            self.findings.error("key-not-text", f"{node.shape} cannot be a key", node.place, "put templates in quotes")
        elif node.text == "<<":
            self.findings.error("merge-key", "merge keys are not read", node.place, "write the keys out")
        return node

    def _enter(self, parent: Node, key: Node, value: Node) -> None:
        if key.text in parent.entries:
            first = parent.entries[key.text][0].place
            message = f"the key {key.text[:40]!r} stands twice (first in line {first.line})"
            self.findings.error("duplicate-key", message, key.place, "keep one of them")
        elif key.kind is NodeKind.SCALAR:
            parent.entries[key.text] = (key, value)


_TAGS: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null", "str", "map", "seq"))
_RESOLVED: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null"))


def _index(event: Any) -> int:
    found: int = event.start_mark.index
    return found


def _forbidden(char: str) -> bool:
    return yaml.reader.Reader.NON_PRINTABLE.match(char) is not None
