"""Runs the command line in this process, as the program would run, without the cost of starting one."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bluelabel.apps.cli.main import main


@dataclass(frozen=True)
class Result:
    """What a call left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def object(self) -> dict[str, Any]:
        (only,) = self.lines
        return only


class _Stdin(io.TextIOWrapper):
    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="utf-8")


def bluelabel(root: Path, *args: str, stdin: bytes = b"", **variables: str) -> Result:
    """Call ``bluelabel --root ROOT ARGS``."""
    out, err = io.StringIO(), io.StringIO()
    argv = ["bluelabel", "--root", str(root), *args]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("BLUELABEL_")}
    with (
        patch.object(sys, "argv", argv),
        patch.object(sys, "stdin", _Stdin(stdin)),
        patch.dict(os.environ, kept | {"NO_COLOR": "1", "COLUMNS": "200"} | variables, clear=True),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    return Result(code, out.getvalue(), err.getvalue())
