"""All records that have a schema of their own, by the rooms they come from."""

from __future__ import annotations

from typing import Final

from bluelabel.interfaces.records import mail, workspace
from bluelabel.interfaces.records.base import Record

RECORDS: Final[tuple[type[Record], ...]] = (
    mail.Sent,
    mail.Settlement,
    mail.Purged,
    mail.ImportUndone,
    mail.Archived,
    workspace.Finding,
)
"""A record a noun."""
