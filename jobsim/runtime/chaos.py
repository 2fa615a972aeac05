"""Chaos: all that breaks in a run, scripted at a time or left to chance and calendar."""

from __future__ import annotations

from collections.abc import Callable

from jobsim.api.core import Node
from jobsim.apiserver.store import Store
from jobsim.runtime.actions import Actor, pods_named
from jobsim.runtime.engine import Engine
from jobsim.runtime.hazards import Hazards
from jobsim.runtime.kubelet import Kubelets
from jobsim.runtime.nodes import Nodes
from jobsim.runtime.outages import Outages
from jobsim.runtime.setup import Failure, Setup
from jobsim.runtime.strikes import Hit, Notes, Strikes
from jobsim.runtime.training import Training


class Chaos:
    """What breaks, and when.

    Parameters
    ----------
    engine, store, kubelets, nodes, actor, training :
    setup : Setup
        Its seed, ``failures``, ``plans`` and ``traced``.
    notes : Notes
    warn : callable
        Takes what could not be done.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        kubelets: Kubelets,
        nodes: Nodes,
        actor: Actor,
        training: Training,
        setup: Setup,
        notes: Notes,
        warn: Callable[[str], None],
    ) -> None:
        self._engine = engine
        self._store = store
        self._setup = setup
        self._warn = warn
        self.outages = Outages(store, nodes, actor, training.slow)
        training.slowness = self.outages.slowness
        timing = setup.control.timing
        self._strikes = Strikes(engine, store, kubelets, training, self.outages, notes, setup.seed, timing)
        self.hazards = Hazards(engine, store, self._strikes, setup.seed, warn)
        self._planned = 0

    def hopeful(self) -> bool:
        """Tell whether a scripted failure, or a repair, is still to come."""
        return self._planned > 0 or self.hazards.hopeful()

    def scripted(self) -> bool:
        """Tell whether a scripted failure or its repair is still to come."""
        return self._planned > 0

    def start(self) -> None:
        """Set a timer for each scripted failure, and let chance begin."""
        seen: dict[tuple[str, int], int] = {}
        for failure in self._setup.failures:
            key = (failure.pod or failure.node, failure.at)
            seen[key] = seen.get(key, 0) + 1
            self._later(failure.at, self._strike, failure, ("script", *key, seen[key]))
        self.hazards.start(self._setup.plans, self._setup.traced)

    def _later(self, time: int, callback: Callable[..., None], *args: object) -> None:
        self._planned += 1
        self._engine.at(time, self._come, callback, args)

    def _come(self, callback: Callable[..., None], args: tuple[object, ...]) -> None:
        self._planned -= 1
        callback(*args)

    def _strike(self, failure: Failure, key: tuple[str | int, ...]) -> None:
        hit = self._pod_hit(failure, key) if failure.pod else self._node_hit(failure, key)
        if hit is not None:
            self._strikes.strike(hit, self._later, _nothing)

    def _pod_hit(self, failure: Failure, key: tuple[str | int, ...]) -> Hit | None:
        found = pods_named(self._store, failure.pod)
        for pod in found:
            if self._strikes.runs(pod):
                return Hit(failure.fault, pod.name, (), key, pods=(pod,), down=0)
        why = "its container does not run then" if found else "there is no such pod then"
        self._warn(f"failure of pod {failure.pod} at {failure.at / 1e9:g}s has no effect: {why}")
        return None

    def _node_hit(self, failure: Failure, key: tuple[str | int, ...]) -> Hit | None:
        if self._store.get(Node, "", failure.node) is not None:
            return Hit(failure.fault, failure.node, (failure.node,), key)
        why = "there is no such node then"
        self._warn(f"failure of node {failure.node} at {failure.at / 1e9:g}s has no effect: {why}")
        return None


def _nothing() -> None:
    """Let a fault be over without consequences."""
