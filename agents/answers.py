"""Reading what a command printed as its answer. What cannot be read for certain is an error, never a success. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from bluelabel.agents.answer_formats import ANY, CLIENTS, Client, EventTable, Pattern, own_table
from bluelabel.agents.base_agent import ANSWERED
from bluelabel.agents.command_spec import Answer
from bluelabel.agents.handed_back import handed_back, words
from bluelabel.agents.json_values import json_values
from bluelabel.agents.plain_text import bare, clean, last_lines, one_line
from bluelabel.interfaces import strict_json
from bluelabel.interfaces.agent_models import AgentOutput, AgentStatus
from bluelabel.interfaces.errors import BluelabelError

_MISSING: Final = object()
_NOTHING: Final = "it printed no answer"
_EMPTY: Final = "its answer is empty"
_UNFINISHED: Final = "its output ends before an answer"
_TORN: Final = "its output breaks off"
_UNREADABLE: Final = "its output is not in the format that was asked for"


def read_answer(printed: str, answer: Answer, told: str = "") -> AgentOutput:
    """Return what a command said as an output without a task id.

    Args:
        printed: all of stdout.
        answer: where the answer stands in it.
        told: all of stderr; its last lines are the reason where stdout gives none.
    """
    text = bare(printed)
    client = CLIENTS.get(answer.client)
    if answer.format != "text" and (answer.text or client is None):
        tables: tuple[EventTable, ...] = (own_table(answer.text, answer.failed, stream=answer.format == "stream"),)
    else:
        tables = client.tables if client is not None else ()
    if tables:
        reading = _Reading(tables).read(text)
        # A client's own settings can ask for a machine format as well as its arguments.
        if answer.format != "text" or reading.is_known or _begins_an_event(text):
            return reading.output(printed, told, client)
    if not text.strip():
        return _nothing(_NOTHING, printed, told) if client is not None else _said_nothing()
    return _said(text, client)


def _begins_an_event(text: str) -> bool:
    """Tell whether a text begins like a machine format and breaks off before it says which."""
    begins_so = text.lstrip().startswith(('{"', "[{"))
    return begins_so and handed_back(text) is None and next(json_values(text)).torn


class _Reading:
    """Takes the events of a machine format in order and keeps what they say in the end."""

    def __init__(self, tables: tuple[EventTable, ...]) -> None:
        self._tables = tables
        self._last: tuple[EventTable, Mapping[str, Any]] | None = None
        self._fatal: tuple[EventTable, Mapping[str, Any]] | None = None
        self._pieces: list[str] = []
        self._is_torn = False
        self.is_known = False

    def read(self, text: str) -> _Reading:
        for found in json_values(text):
            if found.torn:
                # Whatever stood there is lost: what was said before it and after it is not one answer.
                self._pieces.clear()
                self._is_torn = True
            value = found.value
            for each in cast("list[object]", value) if isinstance(value, list) else [value]:
                if isinstance(each, dict):
                    self._take(cast("Mapping[str, Any]", each))
        return self

    def _take(self, event: Mapping[str, Any]) -> None:
        for table in self._tables:
            is_anew, is_last = _fits_any(event, table.anew), _fits_any(event, table.last)
            is_piece = table.pieces is not None and _fits(event, table.pieces)
            is_going = is_anew or is_piece or _fits_any(event, table.going)
            self.is_known |= is_last or is_going
            if is_anew:
                self._pieces.clear()
                self._fatal = None
            if is_going:
                self._last = None
            if is_piece:
                piece = _at(event, table.piece)
                self._pieces[:] = [*(self._pieces if table.joined else ()), piece if isinstance(piece, str) else ""]
            if _fits_any(event, table.fatal) or (is_anew and any(_filled(event, key) for key in table.fatal_fields)):
                self._fatal = (table, event)
            if is_last:
                self._last = (table, event)
                self._is_torn = False

    def output(self, printed: str, told: str, client: Client | None) -> AgentOutput:
        """Return what was said."""
        if self._fatal is not None:
            return _failed(_reason(*self._fatal) or last_lines(printed), "")
        if self._last is None:
            problem = _UNFINISHED if self.is_known else _UNREADABLE if printed.strip() else _NOTHING
            return _nothing(problem if not self._is_torn else _TORN, printed, told)
        if self._is_torn:
            return _nothing(_TORN, printed, told)
        table, event = self._last
        text = self._text(table, event)
        failure = _failure(table, event)
        if failure is not None:
            return _failed(failure or last_lines(printed), text)
        return _said(text, client) if text.strip() else _nothing(_EMPTY, printed, told)

    def _text(self, table: EventTable, event: Mapping[str, Any]) -> str:
        if not table.answer:
            return "".join(self._pieces)
        values = (_at(event, key) for key in table.answer)
        texts = (value if isinstance(value, str) else strict_json.dumps(value) for value in values if _is_answer(value))
        return next((text for text in texts if text.strip()), "")


def _is_answer(value: object) -> bool:
    if not isinstance(value, dict):
        return isinstance(value, str)
    try:
        return strict_json.check(cast("object", value), "stdout") > 0 and bool(cast("dict[str, object]", value))
    except BluelabelError:
        return False


def _failure(table: EventTable, event: Mapping[str, Any]) -> str | None:
    """Return why an event says that the work failed, "" where it does not say why; None when it went well."""
    for key, values in table.bad.items():
        if _among(_at(event, key), values):
            return f"{key} is {one_line(str(_at(event, key)))}"
    given = {key: value for key in table.good if (value := _at(event, key)) is not _MISSING and value is not None}
    is_good = all(_among(value, table.good[key]) for key, value in given.items()) and bool(given) == bool(table.good)
    return None if is_good and not any(_filled(event, key) for key in table.failed) else _reason(table, event)


def _reason(table: EventTable, event: Mapping[str, Any]) -> str:
    found = (words(_at(event, key)) for key in table.reasons if not _among(_at(event, key), table.good.get(key, ANY)))
    return next((text for text in found if text), "")


def _fits_any(event: Mapping[str, Any], patterns: Iterable[Pattern]) -> bool:
    return any(_fits(event, pattern) for pattern in patterns)


def _fits(event: Mapping[str, Any], pattern: Pattern) -> bool:
    for key, values in pattern.items():
        value = _at(event, key)
        if value is _MISSING if values == ANY else not _among(None if value is _MISSING else value, values):
            return False
    return True


def _among(value: object, values: frozenset[object]) -> bool:
    return (value is None or isinstance(value, str | bool)) and value in values


def _filled(event: Mapping[str, Any], key: str) -> bool:
    value = _at(event, key)
    return value is not _MISSING and bool(value)


def _at(event: Mapping[str, Any], path: str) -> object:
    value: object = event
    for key in path.split("."):
        value = cast("Mapping[str, object]", value).get(key, _MISSING) if isinstance(value, dict) else _MISSING
    return value


def _said(text: str, client: Client | None) -> AgentOutput:
    given = handed_back(text)
    if given is not None:
        return given
    if client is not None and client.text_errors.match(text.strip()):
        return _failed(text, text)
    return AgentOutput(task_id="", status=AgentStatus.SUCCESS, result={"text": clean(text).strip()})


def _said_nothing() -> AgentOutput:
    return AgentOutput(task_id="", status=AgentStatus.SUCCESS, result={"text": ""}, metadata={ANSWERED: False})


def _failed(why: str, text: str) -> AgentOutput:
    """Return the error that a format tells of; its text may say more about it, but cannot take it back."""
    given = handed_back(text)
    if given is not None and given.status is AgentStatus.ERROR and given.error:
        return given
    result = given.result if given is not None else {"text": clean(text).strip()}
    return AgentOutput(task_id="", status=AgentStatus.ERROR, result=result, error=one_line(why) or None)


def _nothing(problem: str, printed: str, told: str) -> AgentOutput:
    last = last_lines(printed) or last_lines(told)
    error = one_line(f"{problem}: {last}" if last else problem)
    return AgentOutput(task_id="", status=AgentStatus.ERROR, error=error, metadata={ANSWERED: False})
