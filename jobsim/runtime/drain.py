"""``kubectl drain`` in time: cordon a node, evict its pods, ask again every 5 s where a budget refuses.

A refused eviction changes nothing, so it is asked again only at those ticks before which something
happened that may change the answer; a budget that refuses for ever costs nothing and is named when the
run ends.

Source: k8s.io/kubectl pkg/drain/drain.go; clause K-POD-45.
Differs: pods that nobody manages, or with emptyDir volumes, are evicted as with ``--force
--delete-emptydir-data``; evictions that would be refused once more are not sent, so not counted.
"""

from __future__ import annotations

from collections.abc import Callable

from jobsim.api.core import Node, PodDisruptionBudget
from jobsim.api.pod import Pod
from jobsim.api.timing import DRAIN_RETRY_NS
from jobsim.api.watch import WatchEvent
from jobsim.api.writes import Evict, Patch
from jobsim.apiserver.store import Store
from jobsim.errors import ApiError
from jobsim.runtime.client import Client
from jobsim.runtime.engine import Engine
from jobsim.runtime.stall import Stall

#: Pods that kubectl drain leaves alone: a DaemonSet's (nobody would put them elsewhere), static ones.
_SKIPPED_OWNERS = ("DaemonSet", "Node")
_Key = tuple[str, str]


class _Drain:
    """One node being drained.

    Attributes
    ----------
    left : dict
        UIDs of the pods that are still to be evicted, by (namespace, name).
    refused : dict
        What the API server said of those that it refused.
    armed : bool
        Whether another try is planned.
    """

    __slots__ = ("armed", "left", "node", "refused", "started")

    def __init__(self, node: str, started: int, left: dict[_Key, str]) -> None:
        self.node = node
        self.started = started
        self.left = left
        self.refused: dict[_Key, ApiError] = {}
        self.armed = False


class Drains:
    """All drains of a run.

    Parameters
    ----------
    engine, store, client :
    warn : callable
        Takes what was refused, for the summary.
    retry_ns : int
        After how long a refused eviction is asked for again.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        client: Client,
        warn: Callable[[str], None],
        retry_ns: int = DRAIN_RETRY_NS,
    ) -> None:
        self._retry_ns = retry_ns
        self._engine = engine
        self._store = store
        self._client = client
        self._warn = warn
        self._open: dict[str, _Drain] = {}
        self._listening = False

    def begin(self, node: str) -> None:
        """Cordon a node and evict what runs there."""
        if self._store.get(Node, "", node) is None:
            self._warn(f'drain node/{node}: nodes "{node}" not found')
            return
        if not self._listening:
            self._listening = True
            self._store.subscribe(self._hear, ("Pod", "PodDisruptionBudget"))
        self._client.send(
            Patch(kind="Node", namespace="", name=node, patch={"spec": {"unschedulable": True}})
        )
        pods = [pod for pod in self._store.by_index(Pod, "node", node) if _is_drained(pod)]
        drain = self._open[node] = _Drain(node, self._engine.now, {pod.key: pod.uid for pod in pods})
        self._evict(drain)

    def end(self, node: str) -> None:
        """Give up what is left of a drain: whoever asked for it does not want it any more."""
        self._open.pop(node, None)

    def stalls(self) -> list[Stall]:
        """Return the drains that a budget holds up, in the order in which they began."""
        return [
            Stall(
                what="drain",
                name=drain.node,
                since=drain.started,
                message=f"cannot evict pod {namespace}/{name}: {_why(error)}",
            )
            for drain in self._open.values()
            for (namespace, name), error in drain.refused.items()
        ]

    def _evict(self, drain: _Drain) -> None:
        """Ask for the eviction of each pod that is left."""
        first = drain.started == self._engine.now
        for namespace, name in list(drain.left):
            error = self._client.send(Evict(namespace=namespace, name=name)).error
            if error is not None and error.reason == "TooManyRequests":
                drain.refused[namespace, name] = error
                if first:
                    self._warn(f"drain node/{drain.node}: {error.message} (pod {namespace}/{name})")
                continue
            if error is not None and error.reason != "NotFound":
                # kubectl gives up on such a pod.
                self._warn(f"drain node/{drain.node}: {error.message} (pod {namespace}/{name})")
            self._settle(drain, (namespace, name))

    def _settle(self, drain: _Drain, key: _Key) -> None:
        """Strike a pod off; the last one ends the drain."""
        drain.left.pop(key, None)
        drain.refused.pop(key, None)
        if not drain.left and self._open.get(drain.node) is drain:
            del self._open[drain.node]

    def _hear(self, event: WatchEvent) -> None:
        """Plan another try where a budget changed, or a pod that it refused."""
        obj = event.obj
        for drain in list(self._open.values()):
            if isinstance(obj, PodDisruptionBudget):
                concerned = any(namespace == obj.namespace for namespace, _ in drain.refused)
            else:
                concerned = bool(drain.refused) and drain.left.get(obj.key) == obj.metadata.uid
            if concerned and not drain.armed:
                drain.armed = True
                ticks = (event.time - drain.started) // self._retry_ns + 1
                self._engine.at(drain.started + ticks * self._retry_ns, self._again, drain)

    def _again(self, drain: _Drain) -> None:
        drain.armed = False
        if self._open.get(drain.node) is not drain:
            return
        for key, uid in list(drain.left.items()):
            pod = self._store.get(Pod, *key)
            if pod is None or pod.metadata.uid != uid or pod.terminating:
                self._settle(drain, key)
        self._evict(drain)


def _is_drained(pod: Pod) -> bool:
    owner = pod.controller()
    return not pod.terminating and (owner is None or owner.kind not in _SKIPPED_OWNERS)


def _why(error: ApiError) -> str:
    """Return the budget's own words where there are some."""
    return " ".join((error.message, *error.causes))
