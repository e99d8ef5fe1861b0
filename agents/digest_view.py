"""How a digest looks: markdown, HTML or JSON. Titles and summaries come from strangers and are escaped in each."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bluelabel.interfaces.errors import UnreadableInput, UsageError, machine_error

FORMATS: Final = ("markdown", "html", "json")
TEMPLATE_BYTES: Final = 256 * 1024
_TEMPLATES: Final = Path(__file__).parent / "templates"
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~&])")
_LINE_START = re.compile(r"^([^\S\n]*)([-=]|\d+(?=[.)]))", re.MULTILINE)


def render(kind: str, entries: Sequence[dict[str, Any]], generated_at: str, template: Path | None = None) -> str:
    """Return the digest of `entries` as text.

    Args:
        kind: one of `FORMATS`.
        entries: dicts with content_id, title, summary, type, source, created_at, tags.
        generated_at: the time to write on it.
        template: a Jinja2 template for markdown or HTML instead of the shipped one. It is run in a sandbox; in HTML
            everything is escaped, in markdown the filter ``md`` escapes.

    Raises:
        UnreadableInput: the template is not one.
        MachineError: the template cannot be read.
    """
    if kind == "json":
        return json.dumps({"generated_at": generated_at, "entries": list(entries)}, ensure_ascii=False, indent=2)
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    path = template or _TEMPLATES / f"digest.{'html' if kind == 'html' else 'md'}.j2"
    environment = ImmutableSandboxedEnvironment(
        autoescape=kind == "html", trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"md": escape_markdown, "link": safe_link}
    try:
        source = path.read_bytes()
        if len(source) > TEMPLATE_BYTES:
            raise UsageError(f"a template over {TEMPLATE_BYTES:,} bytes", where=str(path))
        return environment.from_string(source.decode()).render(entries=entries, generated_at=generated_at)
    except OSError as error:
        raise machine_error(error, "reading the digest template", str(path)) from None
    except UnicodeDecodeError:
        raise UnreadableInput("the digest template is not UTF-8", where=str(path)) from None
    except (TemplateError, TypeError, ValueError, ZeroDivisionError) as error:
        line = getattr(error, "lineno", None)
        place = f"{path}:{line}" if line else str(path)
        raise UnreadableInput(f"the digest template fails ({error})", where=place) from None


def escape_markdown(text: str) -> str:
    """Return `text` so that a markdown reader shows it as it stands: no headings, links, HTML or lists."""
    return _LINE_START.sub(r"\1\\\2", _MARKDOWN.sub(r"\\\1", text.replace("\n", " ")))


def safe_link(source: str) -> str:
    """Return `source` if it is a link that may be followed (http or https, nothing that ends a link), else nothing."""
    follows = re.fullmatch(r"https?://[^\s<>\"'()\[\]\\`|]{1,2000}", source)
    return source if follows else ""
