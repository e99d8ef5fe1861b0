"""When a failed attempt is made again, and how long to wait before it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bluelabel.services.workflow.definition.definition import RetryBackoffStrategy, RetrySpec
from bluelabel.services.workflow.expressions.evaluate import evaluate

__all__ = [
    "PermanentFailure",
    "RetryBackoffStrategy",
    "RetrySpec",
    "StepFailure",
    "delay_before",
    "strategy_of",
    "worth_retrying",
]

LONGEST: Final = 10 * 365 * 86400.0
"""No delay is longer than this many seconds, whatever the arithmetic says."""


class StepFailure(Exception):
    """A failure that says all there is to say: its stack trace would only show this program's own code."""


class PermanentFailure(StepFailure):
    """Raised by a step whose failure another attempt cannot mend."""


def strategy_of(text: str | RetryBackoffStrategy | None) -> RetryBackoffStrategy:
    """Return the strategy that `text` names; EXPONENTIAL where it names none that is known."""
    try:
        return RetryBackoffStrategy(str(text).strip().lower())
    except ValueError:
        return RetryBackoffStrategy.EXPONENTIAL


def delay_before(retry: int, spec: RetrySpec, roll: float = 0.5) -> float:
    """Return the seconds to wait before a retry: ``d * 2**(n-1)``, ``d * n`` or ``d``, at most `max_delay`.

    Args:
        retry: which retry, from 1.
        spec: delay, strategy, bound and jitter.
        roll: a random number from 0 to 1 that places the delay within its jitter; 0.5 is the middle.
    """
    if spec.backoff is RetryBackoffStrategy.CONSTANT:
        delay = spec.delay
    elif spec.backoff is RetryBackoffStrategy.LINEAR:
        delay = spec.delay * retry
    else:
        delay = spec.delay * 2.0 ** min(retry - 1, 60)
    delay = min(delay, LONGEST if spec.max_delay is None else spec.max_delay)
    return delay * (1 + spec.jitter * (2 * roll - 1))


def worth_retrying(
    error: BaseException, attempt: int, spec: RetrySpec, predicate: Callable[[BaseException], bool] | None = None
) -> bool:
    """Tell whether another attempt makes sense after `error`, whatever number of retries is left.

    Args:
        error: what the attempt raised.
        attempt: which attempt it was, from 1.
        spec: its `when` sees ``error.type``, ``error.message`` and ``attempt``.
        predicate: a function that decides, where the step was given one.
    """
    if isinstance(error, PermanentFailure):
        return False
    if predicate is not None and not predicate(error):
        return False
    if spec.when is None:
        return True
    facts = {"error": {"type": type(error).__name__, "message": str(error)}, "attempt": attempt}
    return bool(evaluate(spec.when, facts))
