"""Scripted failures in time: a pod's container ends, a node goes dark, is lost, drained or slow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from jobsim.api._struct import replace
from jobsim.api.core import Node
from jobsim.api.pod import Pod
from jobsim.apiserver.store import Store
from jobsim.controllers.timing import PRESSURE_TRANSITION_NS
from jobsim.laws import Fixed, quantile
from jobsim.rng import uniform
from jobsim.runtime.actions import Actor, pods_named
from jobsim.runtime.engine import Engine
from jobsim.runtime.kubelet import Kubelets
from jobsim.runtime.nodes import Nodes
from jobsim.runtime.setup import Failure


class Notes(Protocol):
    """Who keeps what happened."""

    def note(self, time: int, kind: str, **fields: Any) -> None:
        """Take something that is no change of an object."""
        ...


class Chaos:
    """What breaks, and when.

    Parameters
    ----------
    engine, store, kubelets, nodes, actor, seed :
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
        seed: int,
        notes: Notes,
        warn: Callable[[str], None],
    ) -> None:
        self._engine = engine
        self._store = store
        self._kubelets = kubelets
        self._nodes = nodes
        self._actor = actor
        self._seed = seed
        self._notes = notes
        self._warn = warn
        self._planned = 0

    def hopeful(self) -> bool:
        """Tell whether a failure or a repair is still to come."""
        return self._planned > 0

    def schedule(self, failures: tuple[Failure, ...]) -> None:
        """Set a timer for each failure, at the time when it shows."""
        for number, failure in enumerate(failures):
            seen = failure.at + quantile(failure.detect, uniform(self._seed, "detect", number))
            self._planned += 1
            self._engine.at(seen, self._strike, failure, number)

    def _strike(self, failure: Failure, number: int) -> None:
        self._planned -= 1
        if failure.pod:
            self._strike_pod(failure)
        else:
            self._strike_node(failure, number)

    def _strike_pod(self, failure: Failure) -> None:
        hit = pods_named(self._store, failure.pod)
        curable = self._curable(failure)
        for pod in hit:
            if self._fail_pod(pod, failure, curable=curable is not False):
                return
        why = "its container does not run then" if hit else "there is no such pod then"
        self._warn(f"failure of pod {failure.pod} at {failure.at / 1e9:g}s has no effect: {why}")

    def _strike_node(self, failure: Failure, number: int) -> None:
        name = failure.node
        if self._store.get(Node, "", name) is None:
            self._warn(
                f"failure of node {name} at {failure.at / 1e9:g}s has no effect: there is no such node then"
            )
            return
        if self._curable(failure):
            self._note("pods-fail", name, inPlace=True)
            for pod in list(self._store.by_index(Pod, "node", name)):
                self._fail_pod(pod, failure, curable=True)
            return
        self._note(failure.effect, name)
        match failure.effect:
            case "crash":
                self._nodes.crash(name)
            case "lose":
                self._nodes.lose(name)
            case "drain":
                self._actor.drains.begin(name)
            case "shutdown":
                self._nodes.shut_down(name)
            case "memory-pressure" | "disk-pressure" | "pid-pressure":
                self._nodes.press(name, failure.effect.partition("-")[0])
                if failure.repair is None:
                    # The pod that went made room: only the condition lingers.
                    failure = replace(failure, repair=Fixed(value=PRESSURE_TRANSITION_NS))
            case _:
                raise AssertionError(f"failure {failure} has an effect that nobody knows")
        if failure.repair is not None:
            down = quantile(failure.repair, uniform(self._seed, "repair", number))
            self._planned += 1
            self._engine.after(down, self._repair, failure)

    def _fail_pod(self, pod: Pod, failure: Failure, *, curable: bool) -> bool:
        """Let a pod fail now; tell whether a container of it ran."""
        if not self._kubelets.fail(pod, failure.exit_code, failure.reason, curable=curable):
            return False
        more = {} if failure.in_place is None else {"inPlace": curable}
        self._note("pod-fails", pod.name, exitCode=failure.exit_code, **more)
        return True

    def _curable(self, failure: Failure) -> bool | None:
        """Tell whether a container restart cures a fault; None: nothing is said of that."""
        if failure.in_place is None:
            return None
        # Keyed by what fails and when, so that no other entry moves it.
        return uniform(self._seed, "in-place", failure.pod, failure.node, failure.at) < failure.in_place

    def _repair(self, failure: Failure) -> None:
        self._planned -= 1
        self._note("repair", failure.node)
        if failure.effect == "drain":
            self._actor.drains.end(failure.node)
            self._actor.uncordon(failure.node)
        else:
            self._nodes.repair(failure.node)

    def _note(self, effect: str, entity: str, **more: Any) -> None:
        self._notes.note(self._engine.now, "failure", effect=effect, entity=entity, **more)
