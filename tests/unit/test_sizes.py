"""What one can hold in mind: no module over 400 lines, no function over 40, and a word on each door."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("agents", "apps", "interfaces", "runner", "services")
MODULE_LINES = 400
MODULE_LINES_AIMED_AT = 300
FUNCTION_LINES = 40
BUILT_OR_FETCHED = {"node_modules", "dist", "__pycache__"}


def modules() -> list[Path]:
    found = (path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    return sorted(path for path in found if not BUILT_OR_FETCHED & set(path.parts))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function from its `def` on, without its docstring and decorators."""
    assert function.end_lineno is not None
    lines = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None and first.end_lineno is not None:
        lines -= first.end_lineno - first.lineno + 1
    return lines


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_there_are_modules_to_measure() -> None:
    assert len(modules()) > 20


def test_no_module_is_longer_than_400_lines() -> None:
    lines = {shown(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    over_the_aim = {name: count for name, count in lines.items() if count > MODULE_LINES_AIMED_AT}
    print(f"modules over {MODULE_LINES_AIMED_AT} lines: {over_the_aim or 'none'}")

    assert {name: count for name, count in lines.items() if count > MODULE_LINES} == {}


def test_no_function_is_longer_than_40_lines() -> None:
    long: dict[str, int] = {}
    for path in modules():
        for function in functions(ast.parse(path.read_text(encoding="utf-8"))):
            if length(function) > FUNCTION_LINES:
                long[f"{shown(path)}:{function.lineno} {function.name}"] = length(function)

    assert long == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [shown(path) for path in modules() if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]

    assert silent == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("def f():\n    return 1\n", 2),
        ('def f():\n    """Say.\n\n    More.\n    """\n    return 1\n', 2),
        ("@x\n@y\nasync def f():\n    a = 1\n    return a\n", 3),
    ],
)
def test_a_docstring_and_decorators_do_not_count(source: str, lines: int) -> None:
    function = next(functions(ast.parse(source)))

    assert length(function) == lines
