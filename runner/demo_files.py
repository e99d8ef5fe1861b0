"""The files that the demo's scratch repository starts with."""

from __future__ import annotations

from typing import Final

SETTINGS: Final = """\
[workspace]
agents = ["ARCH", "CA", "CC", "WA"]
coordinator = "ARCH"

[agents.CA]
kind = "ingestion"
storage = {store}

[agents.WA]
kind = "digest"
storage = {store}

[agents.CC]
command = [{python}, "count_words.py"]
timeout = "1m"
"""

COMMAND: Final = '''\
"""Counts the words of a file. Its first attempt is slow, so that there is time to kill the worker."""

import json
import os
import sys
import time
from pathlib import Path

asked = json.load(sys.stdin)
attempt = os.environ.get("BLUELABEL_ATTEMPT", "1")
Path(f".started-{attempt}").touch()
if attempt == "1":
    time.sleep(30)
words = len(Path(asked["content"]["file"]).read_text(encoding="utf-8").split())
print(json.dumps({"status": "success", "result": {"summary": f"{words} words", "words": words}}))
'''

CARDS: Final = """\
# Task Cards

## Active Tasks

### TASK-1: Ingest the guide
Status: NOT_STARTED
Assigned: CA
Priority: HIGH

### TASK-2: Ingest the notes
Status: NOT_STARTED
Assigned: CA
Priority: MEDIUM

### TASK-3: Count the words
Status: NOT_STARTED
Assigned: CC
Priority: MEDIUM

### TASK-4: Digest both documents
Status: NOT_STARTED
Assigned: WA
Priority: MEDIUM

## Completed Tasks Archive
"""
