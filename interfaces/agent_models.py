"""What agents take and give: the one source of AgentInput, AgentOutput, AgentCapability and ContentMetadata."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def _now() -> datetime:
    return datetime.now(UTC)


class AgentStatus(StrEnum):
    """How an agent's work ended."""

    SUCCESS = "success"
    ERROR = "error"
    PENDING = "pending"


class AgentModel(BaseModel):
    """Unknown keys are kept and written back, so that a newer writer loses nothing through an older reader."""

    model_config = ConfigDict(extra="allow", ser_json_bytes="base64", val_json_bytes="base64")


class AgentInput(AgentModel):
    """A piece of work for an agent.

    Attributes:
        task_id: the task, or the id of the message that asked for it.
        task_type: what kind of work, where an agent knows several (``url``, ``pdf``, ``text`` …).
        source: who or what asked.
        content: the work itself; each agent documents the keys it reads.
        metadata: facts about the work that the agent may ignore.
        context: facts from earlier steps.
        timestamp: when it was asked, UTC.
    """

    task_id: str
    task_type: str | None = None
    source: str = ""
    content: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)
    context: dict[str, Any] = Field(default_factory=dict)
    timestamp: datetime = Field(default_factory=_now)


class AgentOutput(AgentModel):
    """What came of it.

    Attributes:
        task_id: as in the input.
        status: success, error, or pending (somebody else will report).
        result: what was made; each agent documents its keys.
        error: one line for a person when status is error.
        metadata: facts about the work: attempts, exit code, tool versions.
        timestamp: when it ended, UTC.
        duration_ms: how long it took, in milliseconds.
    """

    task_id: str
    status: AgentStatus
    result: dict[str, Any] = Field(default_factory=dict)
    error: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    timestamp: datetime = Field(default_factory=_now)
    duration_ms: float | None = None


class AgentCapability(AgentModel):
    """One thing an agent can do.

    Attributes:
        name: a word, for example ``generate_digest``.
        description: one line.
        parameters: name of each parameter and what it means or takes.
    """

    name: str
    description: str
    parameters: dict[str, Any] = Field(default_factory=dict)


class ContentMetadata(AgentModel):
    """Facts about a stored document.

    Attributes:
        content_id: unique for ever.
        content_type: ``url``, ``pdf``, ``markdown`` or ``text``.
        source: URL or file name it came from.
        content_length: length of the extracted text in characters.
    """

    content_id: str
    content_type: str
    source: str
    title: str | None = None
    author: str | None = None
    created_at: datetime | None = None
    processed_at: datetime = Field(default_factory=_now)
    content_length: int = 0
    additional_metadata: dict[str, Any] = Field(default_factory=dict)
