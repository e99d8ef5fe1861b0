"""Runs one agent on one input, in this process: what `run agent` and `agent run` do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from bluelabel.agents.plain_text import one_line
from bluelabel.agents.registry import AgentRegistry
from bluelabel.interfaces import strict_json
from bluelabel.interfaces.agent_models import AgentInput, AgentOutput
from bluelabel.interfaces.errors import NotFound, TooLarge, UnreadableInput, UsageError, machine_error
from bluelabel.interfaces.limits import MESSAGE_BYTES

_NAME_CHARS: Final = 255
_MARKS: Final = frozenset({"task_id", "content"})


class CLIRunner:
    """Runs agents for the command line.

    Args:
        registry: where agents come from.
        root: the worktree; a document given as a file is named relative to it.
        source: who asks.
    """

    def __init__(self, registry: AgentRegistry, *, root: Path, source: str = "") -> None:
        self._registry = registry
        self._root = root
        self._source = source

    def run(self, name: str, given: str | AgentInput, *, task_id: str) -> AgentOutput:
        """Run the agent `name` on one input.

        Args:
            name: of the agent.
            given: an AgentInput, or what `read_input` takes.
            task_id: used where the input has none.

        Raises:
            UnknownAgent: there is no such agent.
            BluelabelError: the input cannot be read. What the agent itself meets comes back as an output.
        """
        agent = self._registry.get(name)
        agent_input = given if isinstance(given, AgentInput) else self.read_input(given, task_id=task_id)
        try:
            return agent.run(agent_input)
        finally:
            agent.shutdown()

    def read_input(self, given: str, *, task_id: str) -> AgentInput:
        """Return the input that `given` stands for.

        Args:
            given: a JSON object; the path of a file with one; ``-`` for stdin; or the path of a document (markdown,
                text, PDF, HTML) in the workspace. An object without ``task_id`` and ``content`` is the content itself.
            task_id: used where the input has none.

        Raises:
            NotFound: no such file.
            UnreadableInput: not JSON, or not an AgentInput.
        """
        if given.lstrip().startswith("{"):
            return self._from_json(given, "--input", task_id)
        if given == "-":
            return self._from_json(sys.stdin.buffer.read(MESSAGE_BYTES + 1), "stdin", task_id)
        path = Path(given.removeprefix("@"))
        start = _start_of(path)
        if path.suffix.lower() == ".json" or start.lstrip().startswith(b"{"):
            return self._from_json(_read(path), str(path), task_id)
        return AgentInput(task_id=task_id, source=self._source, content={"file_path": self._inside(path)})

    def _from_json(self, text: str | bytes, where: str, task_id: str) -> AgentInput:
        value: object = strict_json.loads(text, where)
        if not isinstance(value, dict):
            raise UnreadableInput("not a JSON object", where=where, hint='write {"content": {…}}')
        fields: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
        if not _MARKS & fields.keys():
            fields = {key: fields[key] for key in fields.keys() & {"task_type"}} | {
                "content": {key: each for key, each in fields.items() if key != "task_type"}
            }
        try:
            return AgentInput.model_validate({"task_id": task_id, "source": self._source, **fields})
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            hint = "see `bluelabel schema agent_input`"
            raise UnreadableInput(f"{name}: {first['msg']}", where=where, hint=hint) from None

    def _inside(self, path: Path) -> str:
        resolved, root = path.resolve(), self._root.resolve()
        if not resolved.is_relative_to(root):
            hint = "copy it into the workspace"
            raise UsageError("the document is outside the workspace", where=str(path), hint=hint)
        return resolved.relative_to(root).as_posix()


def _start_of(path: Path) -> bytes:
    try:
        if len(path.name) > _NAME_CHARS or not path.is_file():
            hint = "give a file, a JSON object, or - for stdin"
            raise NotFound("no such file", where=one_line(str(path), 80), hint=hint)
        with path.open("rb") as file:
            return file.read(256)
    except OSError as error:
        raise machine_error(error, "reading the input", str(path)) from None
    except ValueError:
        raise NotFound("no such file", where=ascii(str(path))[:80]) from None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MESSAGE_BYTES + 1)
    except OSError as error:
        raise machine_error(error, "reading the input", str(path)) from None
    if len(content) > MESSAGE_BYTES:
        raise TooLarge(f"over the limit of {MESSAGE_BYTES:,} bytes", where=str(path))
    return content
