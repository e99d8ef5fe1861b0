"""Which step may begin next: dependencies, priorities, slots and pools. Pure; each question costs O(log n)."""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from graphlib import CycleError, TopologicalSorter

from bluelabel.interfaces.errors import UsageError
from bluelabel.interfaces.names import nearest


class Outcome(Enum):
    """What a step's end means for the steps that depend on it."""

    PASSED = auto()
    """It succeeded, or failed without being critical."""
    SKIPPED = auto()
    """Its own condition said no."""
    BROKEN = auto()
    """It failed and is critical, was cancelled, or was skipped because of such a step."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the scheduler needs to know of a step.

    Args:
        step_id: its name.
        depends_on: the steps that must end before.
        priority: the higher goes first among those that are ready.
        pool: the pool whose slot it takes beside its own.
        waits: it only waits for somebody or something, and takes no slot.
    """

    step_id: str
    depends_on: tuple[str, ...] = ()
    priority: int = 0
    pool: str | None = None
    waits: bool = False


class Pools:
    """The slots of concurrency pools, counted within one run.

    Args:
        sizes: slots of each pool; a pool that is not named here has one.
    """

    def __init__(self, sizes: Mapping[str, int] | None = None) -> None:
        self._sizes = dict(sizes or {})
        self._taken: Counter[str] = Counter()

    def size(self, pool: str) -> int:
        """Return how many slots a pool has."""
        return self._sizes.get(pool, 1)

    def has_free(self, pool: str) -> bool:
        """Tell whether this run may take one more."""
        return self._taken[pool] < self.size(pool)

    def take(self, pool: str) -> bool:
        """Take a slot if one is free; tell whether it was."""
        free = self.has_free(pool)
        self._taken[pool] += free
        return free

    def give(self, pool: str) -> None:
        """Give a slot back."""
        self._taken[pool] -= 1

    def close(self) -> None:
        """Give back whatever is still held."""
        self._taken.clear()


class Scheduler:
    """Keeps count of what stands between each step and its beginning.

    A step begins when all that it depends on has ended, unless one of them is BROKEN or every one was SKIPPED.

    Args:
        plans: the steps in the order in which they go when nothing else decides.
        max_parallel: how many steps may hold a slot at once.
        pools: the slots that steps of a pool take beside their own.

    Raises:
        UsageError: a dependency is unknown, or they run in a circle.
    """

    def __init__(self, plans: Sequence[Plan], max_parallel: int, pools: Pools | None = None) -> None:
        check_dependencies({plan.step_id: plan.depends_on for plan in plans})
        self.open = 0
        """How many steps have not ended."""
        self._slots = self._free = max(1, max_parallel)
        self._pools = pools or Pools()
        self._parked: dict[str, list[tuple[int, int, str]]] = {}
        self._ready: list[tuple[int, int, str]] = []
        self._ready_waits: deque[str] = deque()
        self._plans: dict[str, Plan] = {}
        self._place: dict[str, int] = {}
        self._unmet: dict[str, int] = {}
        self._passed: set[str] = set()
        self._followers: dict[str, list[str]] = {}
        self._ended: set[str] = set()
        self._holding: set[str] = set()
        for plan in plans:
            self.add(plan)

    def add(self, plan: Plan) -> None:
        """Take in one more step."""
        step_id = plan.step_id
        self._plans[step_id] = plan
        self._place[step_id] = len(self._place)
        self.open += 1
        self._unmet[step_id] = len(plan.depends_on)
        for needed in plan.depends_on:
            self._followers.setdefault(needed, []).append(step_id)
        if not plan.depends_on:
            self._offer(step_id)

    def take(self) -> list[str]:
        """Return the steps that begin now, in order, and give each its slot."""
        begin = list(self._ready_waits)
        self._ready_waits.clear()
        while self._free and self._ready:
            entry = heapq.heappop(self._ready)
            step_id = entry[2]
            if step_id in self._ended:
                continue
            pool = self._plans[step_id].pool
            if pool is not None and not self._pools.take(pool):
                self._parked.setdefault(pool, []).append(entry)
                continue
            self._free -= 1
            self._holding.add(step_id)
            begin.append(step_id)
        return [step_id for step_id in begin if step_id not in self._ended]

    def pause(self, step_id: str) -> None:
        """Let others have the slots of a step that waits for its next attempt.

        With one slot steps go one after the other in their order: it is kept, and nobody goes before its turn.
        """
        if self._slots > 1:
            self._release(step_id)

    def resume(self, step_id: str) -> None:
        """Let the next `take` return a paused step again, once there are slots for it."""
        if step_id in self._holding:
            self._ready_waits.append(step_id)
        else:
            self._offer(step_id)

    def end(self, step_id: str, outcome: Outcome) -> list[tuple[str, str]]:
        """Record that a step has ended.

        Returns:
            The steps that will never begin because of it, each with the reason; they count as ended.
        """
        doomed: list[tuple[str, str]] = []
        if step_id in self._ended:
            return doomed
        self._settle(step_id)
        news = deque([(step_id, outcome)])
        while news:
            name, how = news.popleft()
            for follower in self._followers.get(name, ()):
                verdict = None if follower in self._ended else self._tell(follower, name, how)
                if verdict is not None:
                    self._settle(follower)
                    doomed.append((follower, verdict[1]))
                    news.append((follower, verdict[0]))
        return doomed

    def _settle(self, step_id: str) -> None:
        self._ended.add(step_id)
        self.open -= 1
        self._release(step_id)

    def _tell(self, follower: str, name: str, how: Outcome) -> tuple[Outcome, str] | None:
        """Tell `follower` how one of its dependencies ended; return its own end if that settles it."""
        self._unmet[follower] -= 1
        if how is Outcome.BROKEN:
            return Outcome.BROKEN, f"it depends on {name}, which did not succeed"
        if how is Outcome.PASSED:
            self._passed.add(follower)
        if self._unmet[follower]:
            return None
        if follower not in self._passed:
            return Outcome.SKIPPED, "every step it depends on was skipped"
        self._offer(follower)
        return None

    def _offer(self, step_id: str) -> None:
        plan = self._plans[step_id]
        if plan.waits:
            self._ready_waits.append(step_id)
        else:
            heapq.heappush(self._ready, (-plan.priority, self._place[step_id], step_id))

    def _release(self, step_id: str) -> None:
        if step_id not in self._holding:
            return
        self._holding.discard(step_id)
        self._free += 1
        pool = self._plans[step_id].pool
        if pool is not None:
            self._pools.give(pool)
            self._unpark(pool)

    @property
    def outdone(self) -> list[str]:
        """The pools that steps wait for although this run may take a slot: others hold them all."""
        return [pool for pool in self._parked if self._pools.has_free(pool)]

    def try_again(self) -> None:
        """Let the next `take` ask again for the slots that others held."""
        for pool in self.outdone:
            self._unpark(pool)

    def _unpark(self, pool: str) -> None:
        for entry in self._parked.pop(pool, ()):
            heapq.heappush(self._ready, entry)


def check_dependencies(graph: Mapping[str, Sequence[str]]) -> None:
    """Refuse a graph that cannot be run.

    Raises:
        UsageError: a dependency is unknown, or they run in a circle; names the steps.
    """
    sorted_already, before = True, set[str]()
    for step_id, needed in graph.items():
        sorted_already = sorted_already and before.issuperset(needed)
        before.add(step_id)
        for name in needed:
            if name not in graph:
                close = nearest(name, graph)
                hint = f"did you mean {', '.join(close)}?" if close else "add the step, or take the name out"
                raise UsageError(f"step {step_id} depends on a step that is not there", where=name, hint=hint)
    if sorted_already:
        return
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        raise UsageError("the steps depend on one another in a circle", where=circle, hint="take one out") from None


def downstream(graph: Mapping[str, Sequence[str]], roots: Iterable[str]) -> set[str]:
    """Return `roots` and every step that depends on one of them, directly or not."""
    followers: dict[str, list[str]] = {}
    for step_id, needed in graph.items():
        for name in needed:
            followers.setdefault(name, []).append(step_id)
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        step_id = waiting.pop()
        if step_id not in found:
            found.add(step_id)
            waiting.extend(followers.get(step_id, ()))
    return found
