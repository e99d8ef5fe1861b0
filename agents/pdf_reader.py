"""Reads a PDF file in a process of its own, with little memory and time: a few kilobytes can unpack to gigabytes.

Run as a script: the file comes on stdin, one JSON object goes to stdout.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from bluelabel.agents.plain_text import clean, one_line
from bluelabel.agents.process_group import Cancellation, Ending, run_command
from bluelabel.interfaces import strict_json
from bluelabel.interfaces.errors import BluelabelError, TooLarge, UnreadableInput, machine_error

PAGES: Final = 2_000
CPU_SECONDS: Final = 30
WALL_SECONDS: Final = 120.0
MEMORY_BYTES: Final = 512 * 1024 * 1024
_STREAM_BYTES: Final = 8 * 1024 * 1024
_ANSWER_BYTES: Final = 256 * 1024 * 1024


def read_in_child(body: bytes, *, max_chars: int, where: str) -> dict[str, Any]:
    """Return ``text``, ``title``, ``author`` (or None) and ``pages`` of a PDF file.

    Raises:
        UnreadableInput: not a PDF file, one that needs a password, or pypdf is not installed.
        TooLarge: more pages, text, memory or time than allowed.
        MachineError: the process could not be started.
    """
    if find_spec("pypdf") is None:
        hint = "pip install 'bluelabel[ingest]'"
        raise UnreadableInput("reading PDF files needs the package pypdf", where=where, hint=hint)
    cancellation = Cancellation()
    try:
        finished = run_command(
            [sys.executable, "-m", "bluelabel.agents.pdf_reader", str(max_chars)],
            stdin=body,
            cwd=Path("/"),
            env={**os.environ, "PYTHONSAFEPATH": "1"},
            timeout=WALL_SECONDS,
            grace=1.0,
            cap=_ANSWER_BYTES,
            cancellation=cancellation,
        )
    except OSError as error:
        raise machine_error(error, "starting the reader of PDF files", where) from None
    finally:
        cancellation.close()
    if finished.ending is not Ending.EXITED or finished.exit_code != 0 or finished.cut:
        raise TooLarge("reading it takes more memory or time than allowed", where=where, hint="take a smaller file")
    answer: dict[str, Any] = strict_json.loads(finished.stdout, where, max_bytes=_ANSWER_BYTES)
    if "error" in answer:
        kind = TooLarge if answer["too_large"] else UnreadableInput
        raise kind(answer["error"], where=where, hint=answer["hint"])
    return answer


def read(body: bytes, max_chars: int) -> dict[str, Any]:
    """Do the reading itself, without limits on memory and time.

    Raises:
        UnreadableInput, TooLarge: as for `read_in_child`.
    """
    import pypdf
    from pypdf.errors import PyPdfError

    # Parsers of hostile binary formats fail in many ways; each is an unreadable file, none a fault of ours.
    broken = (PyPdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OSError)
    try:
        with _small_streams(pypdf):
            reader = pypdf.PdfReader(io.BytesIO(body))
            # Many files are encrypted with the empty password, only to say what a reader should forbid.
            if reader.is_encrypted and not reader.decrypt(""):
                raise UnreadableInput("the PDF file needs a password", hint="save it without one")
            facts = reader.metadata
            text = _text(reader, max_chars)
            title = str(facts.title) if facts and facts.title else None
            author = str(facts.author) if facts and facts.author else None
            return {"text": text, "title": title, "author": author, "pages": len(reader.pages)}
    except broken as error:
        reason = one_line(str(error), 120)
        raise UnreadableInput(f"not a PDF file that can be read ({reason})") from None


def _small_streams(pypdf: Any) -> contextlib.AbstractContextManager[object]:
    """Let pypdf refuse streams that unpack to more than a page of text can need, where this version can."""
    apply = getattr(pypdf, "apply_configuration", None)
    if apply is None:
        return contextlib.nullcontext()
    names = ("zlib", "lzw", "run_length", "array_based_stream")
    made: contextlib.AbstractContextManager[object] = apply(
        **{f"{name}_maximum_output_length": _STREAM_BYTES for name in names}
    )
    return made


def _text(reader: Any, max_chars: int) -> str:
    if len(reader.pages) > PAGES:
        raise TooLarge(f"{len(reader.pages):,} pages are over the limit of {PAGES:,}")
    size = 0

    def pieces() -> Iterator[str]:
        nonlocal size
        for page in reader.pages:
            piece = clean(page.extract_text() or "").strip()
            size += len(piece)
            if size > max_chars:
                raise TooLarge(f"its text is over the limit of {max_chars:,} characters")
            if piece:
                yield piece

    return "\n\n".join(pieces())


def limit_itself() -> None:
    """Let the kernel end this process when it takes too much memory or processor time."""
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Read stdin, write the answer."""
    limit_itself()
    try:
        answer = read(sys.stdin.buffer.read(), int(sys.argv[1]))
    except BluelabelError as error:
        answer = {"error": error.what, "hint": error.hint, "too_large": isinstance(error, TooLarge)}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
