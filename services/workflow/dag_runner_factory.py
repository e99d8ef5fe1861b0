"""Makes runners that share a store and settings."""

from __future__ import annotations

from typing import Any

from bluelabel.interfaces.errors import AlreadyExists
from bluelabel.services.workflow.dag_run_store import DAGRunStore
from bluelabel.services.workflow.dag_runner import StatefulDAGRunner
from bluelabel.services.workflow.dag_runner_interface import IDAGRunnerFactory


class DAGRunnerFactory(IDAGRunnerFactory):
    """Makes runners that share a store and settings.

    Args:
        store: where runs are kept.
        settings: further arguments of `StatefulDAGRunner`.
    """

    def __init__(self, store: DAGRunStore | None = None, **settings: Any) -> None:
        self._store = store or DAGRunStore()
        self._settings = settings

    def create_runner(
        self, dag_id: str, store: DAGRunStore | None = None, run_id: str | None = None
    ) -> StatefulDAGRunner:
        """Return a runner for a new run.

        Raises:
            AlreadyExists: there is a run of this name.
        """
        home = store or self._store
        if run_id is not None and home.get(run_id) is not None:
            raise AlreadyExists("there is a run of this name", where=run_id, hint="use `resume_runner`")
        return StatefulDAGRunner(dag_id, home, run_id, **self._settings)

    def resume_runner(self, run_id: str, store: DAGRunStore | None = None) -> StatefulDAGRunner:
        """Return a runner for a run that is there.

        Raises:
            NotFound: there is none of this name.
        """
        home = store or self._store
        return StatefulDAGRunner(home.require(run_id).dag_id, home, run_id, **self._settings)
