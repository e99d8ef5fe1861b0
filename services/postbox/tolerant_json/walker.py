"""Walks the broken spine of damaged JSON; whatever is whole beside it is read by the JSON decoder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from bluelabel.interfaces import strict_json
from bluelabel.interfaces.errors import UnreadableInput
from bluelabel.interfaces.limits import JSON_DEPTH
from bluelabel.interfaces.problems import Problem
from bluelabel.services.postbox.tolerant_json import tokens

PROBLEMS: Final = 200
"""No more problems than this are told of one text."""

STEPS: Final = 100_000
"""Steps of the walk after which a text counts as not worth more time; a whole text takes none."""

_FAILED_SCANS = 20
_COMMENT = re.compile(r"//[^\n]*+|#[^\n]*+")
_TO_CONTAINER = re.compile(r"[^{\[]++")
_STRAY = re.compile(r"""\\.|[^\s{\[\]}"',:\\/]++|.""", re.DOTALL)
_NESTING = re.compile(r'[^"{}\[\]]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"|.', re.DOTALL)
_SAME_LINE_TAIL = re.compile(r"[ \t]*+(?:[+*%.(?&|<>=!`-]|/(?![/*]))")
_NEXT_LINE_TAIL = re.compile(r"\s*+(?:\+|\?|&&|\|\||\.[A-Za-z])")
_CALL_TAIL = re.compile(r"\s*+\.[A-Za-z_$]|[ \t]*+(?:\|\||\?\?)")
_LITERALS = {"true": True, "false": False, "null": None}
_FOREIGN = {"undefined": None, "None": None, "True": True, "False": False, "NaN": "NaN", "Infinity": "Infinity"}


@dataclass(slots=True)
class _Frame:
    """A container that is still open: where it began, the key that waits for its value, whether a comma is due."""

    value: dict[str, Any] | list[Any]
    start: int
    key: str | None = None
    due: bool = False
    comma: int = -1

    def put(self, value: Any) -> None:
        if isinstance(self.value, list):
            self.value.append(value)
        elif self.key is not None:
            self.value[self.key] = value
        self.key, self.due, self.comma = None, True, -1

    def end(self) -> None:
        if self.key is not None:
            self.put(None)


class Walker:
    """Reads the arrays and objects of one damaged text.

    Afterwards `problems` tells what was wrong with it, and `cut` holds the containers that the text ends inside of.

    Args:
        text: the damaged text.
    """

    def __init__(self, text: str) -> None:
        self.problems: list[Problem] = []
        self.cut: list[object] = []
        self._text = text
        self._position: int = 0
        self._steps = 0
        self._failed_scans = 0
        self._places = tokens.Places(text)
        self._stack: list[_Frame] = []

    def documents(self) -> list[tuple[Any, int]]:
        """Return each array or object that stands by itself, with the offset where it starts."""
        found: list[tuple[Any, int]] = []
        while self._find_container() and self._steps < STEPS:
            start = self._position
            if len(found) == 1:
                self._report("several-documents", "another value after the first", start, "make them one array")
            self._steps += 1
            found.append((self._document(), start))
        if self._steps >= STEPS:
            self._report("gave-up", "too damaged to read on from here", self._position)
        return found

    def _report(self, code: str, message: str, offset: int, hint: str | None = None) -> None:
        if len(self.problems) >= PROBLEMS:
            return
        line, column = self._places.at(offset)
        self.problems.append(Problem(code, message, line, column, hint))

    def _find_container(self) -> bool:
        """Go to the next opening bracket outside all values; tell whether there is one."""
        ch = self._next()
        if ch and ch not in "{[":
            if ch != ",":
                self._report("stray-text", "text that is not JSON", self._position)
            match = _TO_CONTAINER.match(self._text, self._position)
            self._position = match.end() if match else self._position
        return self._position < len(self._text)

    def _next(self) -> str:
        """Go over blanks and comments and return the character that follows, or an empty text at the end."""
        while True:
            match = tokens.BLANK.match(self._text, self._position)
            self._position = match.end() if match else self._position
            ch = self._text[self._position : self._position + 1]
            if ch not in ("/", "#"):
                return ch
            end = -1
            if self._text.startswith("/*", self._position):
                end = self._text.find("*/", self._position + 2) + 2
            elif match := _COMMENT.match(self._text, self._position):
                end = match.end()
            if end < 2:
                return ch
            self._report("comment", "a comment, which JSON does not have", self._position)
            self._position = end

    def _document(self) -> Any:
        """Read the container at the present position, and all that it holds."""
        root = _Frame([], self._position)
        self._stack = [root]
        self._open(self._text[self._position])
        while len(self._stack) > 1 and self._steps < STEPS:
            self._steps += 1
            self._step(self._stack[-1], self._next())
        for frame in self._stack:
            frame.end()
        return root.value[0] if isinstance(root.value, list) else None

    def _step(self, frame: _Frame, ch: str) -> None:
        if not ch:
            self._report("truncated", "never closed", frame.start, "the text ends inside it; add what is missing")
            for open_frame in self._stack:
                open_frame.end()
            self.cut += [open_frame.value for open_frame in self._stack[1:]]
            del self._stack[1:]
        elif ch in "}]":
            self._close(ch)
        elif ch == ",":
            self._comma(frame)
        elif ch == ":":
            self._colon(frame)
        elif isinstance(frame.value, dict) and frame.key is None:
            self._key(frame, ch)
        else:
            self._value(frame, ch)

    def _comma(self, frame: _Frame) -> None:
        if frame.key is not None:
            self._report("missing-value", "a key without a value", self._position)
            frame.put(None)
        if not frame.due:
            self._report("stray-comma", "a comma with nothing before it", self._position)
        frame.due, frame.comma = False, self._position
        self._position += 1

    def _colon(self, frame: _Frame) -> None:
        """A colon inside a list: the list was never closed, and its last text is the next key of what holds it."""
        below = self._stack[-2]
        items = frame.value
        if isinstance(items, list) and items and isinstance(items[-1], str) and isinstance(below.value, dict):
            self._report("missing-bracket", "a list that is not closed", frame.start)
            self._stack.pop()
            below.key = items.pop()
        else:
            self._report("stray-text", "a colon that belongs to no key", self._position)
        self._position += 1

    def _close(self, ch: str) -> None:
        of_object = ch == "}"
        kinds = [isinstance(frame.value, dict) for frame in self._stack[1:]]
        depth = len(kinds) - kinds[::-1].index(of_object) if of_object in kinds else 0
        if depth < len(self._stack) - 1:
            self._report("mismatched-bracket", f"{ch!r} does not close what is open", self._position)
        frame = self._stack[-1]
        if frame.key is not None:
            self._report("missing-value", "a key without a value", self._position)
            frame.put(None)
        elif frame.comma >= 0 and depth:
            self._report("trailing-comma", "a comma with nothing after it", frame.comma, "remove the comma")
        if depth:
            del self._stack[depth:]
        self._position += 1
        self._skip_tail(_CALL_TAIL)

    def _key(self, frame: _Frame, ch: str) -> None:
        if ch == "{":
            self._unclosed()
            return
        start = self._position
        word = tokens.WORD.match(self._text, start)
        if ch in "\"'":
            token = tokens.string(self._text, start)
        elif word:
            token = tokens.Token(word[0], word.end(), ("unquoted-key", "a key without quotes"))
        else:
            self._stray()
            return
        self._fault(token, start)
        if frame.due:
            self._report("missing-comma", "no comma before this", start, "add a comma")
        if token.value in frame.value:
            self._report("duplicate-key", f"the key {str(token.value)[:40]!r} stands twice in one object", start)
        frame.key, self._position = token.value, token.end
        follows = self._next()
        if follows == ":":
            self._position += 1
        elif follows and follows not in ",}]":
            self._report("missing-colon", "no colon after the key", self._position)

    def _unclosed(self) -> None:
        """An object begins where a key belongs: the objects before it were never closed."""
        self._report("missing-bracket", "the object before this is not closed", self._position)
        while len(self._stack) > 1 and isinstance(self._stack[-1].value, dict):
            self._stack.pop()

    def _value(self, frame: _Frame, ch: str) -> None:
        if frame.due and isinstance(frame.value, list):
            self._report("missing-comma", "no comma before this", self._position, "add a comma")
        if ch in "{[":
            self._open(ch)
        else:
            self._scalar(frame, ch)

    def _open(self, ch: str) -> None:
        """Let the decoder read the container at the present position; if it cannot, walk into it."""
        frame, start, depth = self._stack[-1], self._position, len(self._stack) - 1
        try:
            value, end = tokens.DECODER.raw_decode(self._text, start)
            strict_json.check(value, "", max_depth=JSON_DEPTH - depth)
        except (ValueError, RecursionError, UnreadableInput):
            self._position += 1
            if depth >= JSON_DEPTH:
                self._report("too-deep", f"nested deeper than {JSON_DEPTH}", start, "flatten it")
                self._skip_nested()
                frame.put(None)
                return
            inner = _Frame({} if ch == "{" else [], start)
            frame.put(inner.value)
            self._stack.append(inner)
        else:
            frame.put(value)
            self._position = end
            self._skip_tail(_CALL_TAIL)

    def _skip_nested(self) -> None:
        """Go to the end of the container that was just opened, without keeping anything of it."""
        depth = 1
        while depth and self._steps < STEPS and (match := _NESTING.match(self._text, self._position)):
            depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(match[0], 0)
            self._position = match.end()
            self._steps += 1

    def _scalar(self, frame: _Frame, ch: str) -> None:
        start = self._position
        token = tokens.string(self._text, start) if ch in "\"'" else tokens.number(self._text, start)
        word = tokens.WORD.match(self._text, start)
        if token is None and word and word[0] in _LITERALS:
            token = tokens.Token(_LITERALS[word[0]], word.end())
        elif token is None and word and word[0] in _FOREIGN:
            token = tokens.Token(_FOREIGN[word[0]], word.end(), ("not-a-json-word", f"{word[0]} is not JSON"))
        end = token.end if token else start
        if token and not _SAME_LINE_TAIL.match(self._text, end) and not _NEXT_LINE_TAIL.match(self._text, end):
            self._fault(token, start)
            frame.put(token.value)
            self._position = end
        elif (end := self._expression_end(start)) > start:
            self._report("expression", "program code where a value belongs", start, "write the value itself")
            frame.put(tokens.without_surrogates(self._text[start:end].strip()))
            self._position = end
        else:
            self._stray()

    def _expression_end(self, start: int) -> int:
        end, closed = tokens.expression_end(self._text, start, over_lines=self._failed_scans < _FAILED_SCANS)
        self._failed_scans += not closed
        self._steps += (end - start) // 20
        return end

    def _skip_tail(self, tail: re.Pattern[str]) -> None:
        """Go over a call that follows a container: ``[…].map(…)``."""
        if tail.match(self._text, self._position):
            self._report("expression", "program code after a value", self._position, "write the value itself")
            self._position = self._expression_end(self._position)

    def _stray(self) -> None:
        self._report("stray-text", "text that is not JSON", self._position)
        match = _STRAY.match(self._text, self._position)
        self._position = match.end() if match else self._position + 1

    def _fault(self, token: tokens.Token, start: int) -> None:
        if token.fault:
            self._report(*token.fault, start)
