"""Steps that a Python function does."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bluelabel.services.workflow.dag_runner_interface import StepContext
from bluelabel.services.workflow.definition.definition import StepSpec
from bluelabel.services.workflow.engine.retry import PermanentFailure
from bluelabel.services.workflow.engine.threads import THREADS
from bluelabel.services.workflow.expressions.evaluate import render
from bluelabel.services.workflow.steps.services import Tools

CONTEXT = "context"
"""A parameter of this name is given the `StepContext`."""


def call_step(spec: StepSpec, tools: Tools) -> Callable[[StepContext], Any]:
    """Return the work of a call step: the function gets the values of `input` by name."""

    async def work(context: StepContext) -> Any:
        function = find(str(spec.target), tools.root)
        given = render(dict(spec.input), context.names)
        call = functools.partial(function, **_arguments(function, given, context))
        if inspect.iscoroutinefunction(function):
            return await call()
        value = await THREADS.run(call)
        return await value if inspect.isawaitable(value) else value

    return work


def find(target: str, root: Path) -> Callable[..., Any]:
    """Return the function that ``package.module:function`` names; modules under `root` are found too.

    Raises:
        PermanentFailure: there is none.
    """
    module_name, _, path = target.partition(":")
    if str(root) not in sys.path:
        sys.path.append(str(root))
    try:
        found: Any = importlib.import_module(module_name)
        for name in path.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError, ValueError) as error:
        raise PermanentFailure(f"there is no function {target!r} ({error})") from error
    if not callable(found):
        raise PermanentFailure(f"{target!r} is not a function")
    function: Callable[..., Any] = found
    return function


def _arguments(function: Callable[..., Any], given: dict[str, Any], context: StepContext) -> dict[str, Any]:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return given
    if CONTEXT in parameters and CONTEXT not in given:
        return {**given, CONTEXT: context}
    return given
