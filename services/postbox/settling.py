"""When a text that is not whole may be taken as it is: nobody writes to it any more."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from bluelabel.services.files.confined import FileText

QUIET_SECONDS: Final = 0.3
"""A text that is no JSON is left alone for this long after its last change: the next part may be on its way."""

_OPEN_SECONDS: Final = 10.0
"""So long, and no longer, is a file waited for that somebody has open for writing."""


def is_settled(found: FileText, now: datetime) -> bool:
    """Tell whether a text has been quiet for long enough to take it as it stands.

    Args:
        found: the text and when it was written last; a time in the future counts as long ago.
        now: the wall clock.
    """
    age = now.timestamp() - found.modified_ns / 1e9
    limit = _OPEN_SECONDS if found.open_for_writing else QUIET_SECONDS
    return not -QUIET_SECONDS <= age < limit
