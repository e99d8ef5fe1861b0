"""What the steps of a run are told: the names of their expressions, whether to begin, and what an attempt is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bluelabel.services.workflow.dag_run_tracker import DAGRun, DAGStepState
from bluelabel.services.workflow.dag_runner_interface import StepContext
from bluelabel.services.workflow.engine.attempt import Registered
from bluelabel.services.workflow.engine.results import Results
from bluelabel.services.workflow.expressions.evaluate import evaluate


class StepsView(Mapping[str, Any]):
    """The steps of a run as expressions see them: ``steps.ID.result``, ``.status``, ``.error``, ``.attempts``."""

    def __init__(self, run: DAGRun, results: Results) -> None:
        self._run = run
        self._results = results

    def __getitem__(self, step_id: str) -> Mapping[str, Any]:
        state = self._run.steps[step_id]
        return {
            "result": self._results.load(state.result),
            "status": state.status.value,
            "error": state.error,
            "attempts": state.attempt,
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self._run.steps)

    def __len__(self) -> int:
        return len(self._run.steps)


def run_names(run: DAGRun, results: Results) -> dict[str, Any]:
    """Return what every expression of a run may name."""
    about = {"id": run.run_id, "dag_id": run.dag_id}
    return {"steps": StepsView(run, results), "run": about, "inputs": run.metadata.get("inputs") or {}}


class Contexts:
    """Makes what an attempt is told.

    Args:
        run: whose steps they are.
        results: where large results are kept.
    """

    def __init__(self, run: DAGRun, results: Results) -> None:
        self._run = run
        self._names = run_names(run, results)

    def names(self, state: DAGStepState) -> Mapping[str, Any]:
        """Return what the expressions of a step may name."""
        meta = state.metadata
        return {**self._names, "item": meta.get("item"), "index": meta["index"]} if "index" in meta else self._names

    def objection(self, step: Registered, state: DAGStepState) -> str | None:
        """Return how the step's own condition keeps it from beginning; None if it does not.

        Raises:
            BluelabelError: the condition cannot be evaluated.
        """
        if step.when is not None and not evaluate(step.when, self.names(state)):
            return f"is false: {step.when}"
        if step.unless is not None and evaluate(step.unless, self.names(state)):
            return f"is true: {step.unless}"
        return None

    def context(self, state: DAGStepState) -> StepContext:
        """Return the context of the attempt that a step has begun."""
        run, number = self._run, state.attempt
        return StepContext(
            run.dag_id,
            run.run_id,
            state.step_id,
            number,
            number - state.retry_count - 1,
            f"{run.run_id}:{state.step_id}:{state.retry_count + 1}",
            state.start_time or run.now(),
            self.names(state),
        )
