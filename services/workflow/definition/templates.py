"""What `bluelabel workflow new` writes: small workflows to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_BASIC = """\
name: {name}
version: 0.1.0
description: What this workflow is for.

inputs:
  path:
    type: string
    default: TASK_CARDS.md
    description: A markdown, text or PDF file.

max_parallel: 4

steps:
  - id: ingest
    agent: ingestion
    input:
      file_path: "{{{{ inputs.path }}}}"
    timeout: 2m
    retry: {{max_retries: 2, delay: 1s, backoff: exponential}}

  - id: digest
    agent: digest
    depends_on: [ingest]
    input:
      action: generate_digest
"""

_HANDOFF = """\
name: {name}
version: 0.1.0
description: Ask an agent for a piece of work, check it, and let a person decide.

inputs:
  task:
    type: string
    required: true
    description: What is to be done, in a sentence.

steps:
  - id: work
    handoff:
      to: CC
      subject: "{{{{ inputs.task }}}}"
      deadline: 4h
      escalate_to: ARCH

  - id: check
    command: ["git", "diff", "--check"]
    depends_on: [work]
    timeout: 5m
    critical: false

  - id: approve
    approval:
      by: HUMAN
      prompt: "The check ended with {{{{ steps.check.status }}}}. Accept the work?"
    depends_on: [check]
"""

_COMMANDS = """\
name: {name}
version: 0.1.0
description: Run programs, some of them side by side.

max_parallel: 2

steps:
  - id: first
    command: ["git", "status", "--short"]
    timeout: 1m

  - id: left
    command: ["git", "log", "-1", "--oneline"]
    depends_on: [first]

  - id: right
    command: ["git", "branch", "--list"]
    depends_on: [first]

  - id: last
    command: ["git", "diff", "--stat"]
    depends_on: [left, right]
    when: "steps.left.status == 'success' and steps.right.status == 'success'"
"""

TEMPLATES: Final[Mapping[str, str]] = {"basic": _BASIC, "handoff": _HANDOFF, "commands": _COMMANDS}


def new_workflow(name: str, template: str = "basic") -> str:
    """Return the text of a workflow called `name`.

    Args:
        name: an id; see `bluelabel.interfaces.names.identifier`.
        template: one of `TEMPLATES`.
    """
    shown = f'"{name}"' if not name[:1].isalpha() else name
    return TEMPLATES[template].format(name=shown)
