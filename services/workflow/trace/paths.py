"""Stack traces without the machine they were made on: run files are committed, and say nothing of anybody's folders."""

from __future__ import annotations

import re

_FILE = re.compile(r'(?m)^([ |+]*File ")([^"\n]+)(", line \d+)')
_INSTALLED = re.compile(r".*/((?:site|dist)-packages/.+)")
_STANDARD = re.compile(r".*/lib\d*/(python3[\d.]*t?/.+)")
_OURS = re.compile(r".*/src/(bluelabel/.+)")
_KEPT_PARTS = 2


def portable(text: str, root: str) -> str:
    """Return `text` with every path below `root`, an absolute path, relative to it.

    Of other files in a trace less is kept: of a library what follows its `site-packages` (that included), of the
    standard library what follows its `lib`, of any other file its name and folder.
    """
    text = _FILE.sub(lambda found: f"{found[1]}{_shown(found[2], root)}{found[3]}", text)
    return _below(root).sub("", text) if root.strip("/") else text


def _shown(path: str, root: str) -> str:
    if root.strip("/") and (inside := _below(root).match(path)):
        path = path[inside.end() :]
    for known in (_INSTALLED, _STANDARD, _OURS):
        if found := known.fullmatch(path):
            return found[1]
    if not path.startswith("/"):
        return path
    return "…/" + "/".join(path.strip("/").split("/")[-_KEPT_PARTS:])


def _below(root: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w./-]){re.escape(root.rstrip('/'))}/(?=[^\s/])")
