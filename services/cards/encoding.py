"""Turns text that was saved in a wrong encoding back into what it was, run by run; clean text passes untouched.

The damage: UTF-8 bytes read as Windows-1252 and saved again, in which the five bytes that Windows-1252 does not
define were dropped. What can be inverted exactly is; of what lost a byte only the spots with one likely original.
"""

from __future__ import annotations

import re
from typing import Final

_BYTE_OF: Final = {char: byte for byte in range(0x80, 0x100) for char in bytes([byte]).decode("cp1252", "ignore")} | {
    chr(byte): byte for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
_HIGH: Final = "".join(re.escape(char) for char in _BYTE_OF)
_REST: Final = "".join(re.escape(char) for char, byte in _BYTE_OF.items() if byte < 0xC0)
# Leads of symbols, of emoji, of the variation selector, and of Latin letters: the rest also begins honest words.
_SURE: Final = re.compile(f"ð[{_REST}]{{3}}|[âï][{_REST}]{{2}}|[ÂÃ][{_REST}]")
_ORIGINAL: Final = {
    "âŒ": "❌",
    "â”": "┐",
    "ï¸": "\ufe0f",
    "â€": "”",
    # With the variation selector behind them these two have one original that people use.
    "â\xadï¸": "⏭\ufe0f",
    "ðŸ·ï¸": "🏷\ufe0f",
}
_LOSSY: Final = re.compile("|".join(f"{found}(?![{_REST}])" for found in sorted(_ORIGINAL, key=len, reverse=True)))


def repair_encoding(text: str) -> tuple[str, list[tuple[int, str, str]]]:
    """Invert the damage.

    Returns:
        the text, and each kind of change once: the line it was first made in (1-based), what stood there, what it is.
    """
    if text.isascii():
        return text, []
    changes: dict[str, tuple[int, str, str]] = {}
    fixed = "\n".join(_line(line, number, changes) for number, line in enumerate(text.split("\n"), 1))
    return fixed, sorted(changes.values())


def _line(line: str, number: int, changes: dict[str, tuple[int, str, str]]) -> str:
    if line.isascii():
        return line

    def exact(match: re.Match[str]) -> str:
        found = match[0]
        try:
            original = bytes(_BYTE_OF[char] for char in found).decode("utf-8")
        except UnicodeDecodeError:
            return found
        changes.setdefault(found, (number, found, original))
        return original

    def likely(match: re.Match[str]) -> str:
        original = _ORIGINAL[match[0]]
        changes.setdefault(match[0], (number, match[0], original))
        return original

    return _LOSSY.sub(likely, _SURE.sub(exact, line))
