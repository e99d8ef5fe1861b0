"""Every limit on what comes in, in one place; each door checks against these before it parses."""

from __future__ import annotations

from typing import Final

MESSAGE_BYTES: Final = 10 * 1024 * 1024
"""The largest message, and the largest box file read without being asked to."""

JSON_DEPTH: Final = 64
"""The deepest nesting of arrays and objects."""

WORKFLOW_BYTES: Final = 256 * 1024
"""The largest workflow definition."""

CARDS_BYTES: Final = 32 * 1024 * 1024
"""The largest TASK_CARDS.md (10,000 cards are about 10 MB)."""

SUBJECT_CHARS: Final = 500
"""Characters of a subject."""

TYPE_CHARS: Final = 64
"""Characters of a message type."""

KEY_CHARS: Final = 200
"""Characters of an idempotency key."""

RECIPIENTS: Final = 256
"""Recipients of one message."""

NAME_CHARS: Final = 32
"""Characters of the name of an agent, group or queue."""

ID_CHARS: Final = 128
"""Characters of the id of a message, task, run or step."""

VIEW_WAITING: Final = 200
"""How many waiting messages a view shows; its header says how many more there are."""

VIEW_HANDLED: Final = 64
"""How many handled messages a view shows."""

SEGMENT_BYTES: Final = 8 * 1024 * 1024
"""A ledger segment is closed once it is this long."""

MAX_ATTEMPTS: Final = 5
"""Deliveries of one message before it becomes a dead letter."""

LEASE_SECONDS: Final = 15 * 60
"""How long a claim lasts unless renewed."""
