"""Nodes in time: which are dark, lost or back, and who is told (``controllers.node_lifecycle``).

A machine's heartbeats are not simulated one by one: a kubelet that lives renews its lease, so all
that counts is when a silent one last did.
"""

from __future__ import annotations

from jobsim.api._struct import replace
from jobsim.api.core import Node
from jobsim.api.meta import condition
from jobsim.api.pod import Pod
from jobsim.api.timing import REAL, STATUS_RESYNC_NS, Timing
from jobsim.api.watch import WatchEvent
from jobsim.api.writes import Create, Delete
from jobsim.apiserver.store import Store
from jobsim.controllers.kubelet_node import PRESSED_RESOURCE, healthy, last_renewal, pressed, shutting_down
from jobsim.controllers.node_lifecycle import MONITOR
from jobsim.runtime.client import Client
from jobsim.runtime.controller import Controller
from jobsim.runtime.engine import Engine, Stopped
from jobsim.runtime.kubelet import Kubelets
from jobsim.units import SECOND


class Nodes:
    """The machines of a run.

    Parameters
    ----------
    engine, store, kubelets :
    kubelet_client, cloud_client : Client
        Who reports a node's health, and who deletes and registers Node objects.
    monitor : Controller
        The node lifecycle controller, which looks at silent nodes.
    silent : dict
        Nodes whose kubelet is silent, and when it last renewed its lease, ns; shared with the
        monitor's core, which reads it.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        kubelets: Kubelets,
        kubelet_client: Client,
        cloud_client: Client,
        monitor: Controller,
        silent: dict[str, int],
        timing: Timing = REAL,
    ) -> None:
        self._timing = timing
        self._engine = engine
        self._store = store
        self._kubelets = kubelets
        self._kubelet_client = kubelet_client
        self._cloud_client = cloud_client
        self._monitor = monitor
        self._silent = silent
        self._lost: dict[str, Node] = {}
        #: Machines that are being shut down.
        self._closing: dict[str, None] = {}
        #: Nodes that are silent only because their kubelets are stopped; None: no kubelet is.
        self._paused: dict[str, None] | None = None
        store.subscribe(self._hear, ("Node",))

    def _hear(self, event: WatchEvent) -> None:
        node = event.obj
        assert isinstance(node, Node)
        if event.type == "ADDED" and self._store.by_index(Pod, "node", node.name):
            self._engine.after(0, self._kubelets.adopt, node.name)
        if event.type == "ADDED" and condition(node.status.conditions, "Ready") is None:
            # The kubelet of a node that somebody wrote down as a manifest says that it is there.
            self._engine.after(0, self._report, node.name)

    def _report(self, name: str) -> None:
        """Let a living kubelet say that its node is well; what is not taken is said again."""
        node = self._store.get(Node, "", name)
        if node is None or name in self._silent or self._paused is not None:
            return
        write = healthy(node, self._engine.now)
        if write is None:
            return
        try:
            error = self._kubelet_client.send(write).error
        except Stopped:
            return
        if error is not None:
            self._engine.after(STATUS_RESYNC_NS, self._report, name)

    def stop(self) -> None:
        """Stop the kubelets of all machines; their containers run on."""
        self._kubelets.stop()
        living = [node.name for node in self._store.list(Node) if node.name not in self._silent]
        self._paused = dict.fromkeys(living)
        self._silent.update(dict.fromkeys(living, self._renewed()))
        self._look()

    def start(self) -> None:
        """Start the kubelets again, but those of machines that went dark meanwhile."""
        for name in self._paused or ():
            self._silent.pop(name, None)
        self._paused = None
        self._kubelets.start()
        for node in list(self._store.list(Node)):
            self._report(node.name)
        self._look()

    def _look(self) -> None:
        self._monitor.poke(MONITOR.namespace, MONITOR.name)

    def crash(self, name: str) -> None:
        """Let a machine go dark."""
        if self._paused is not None and name in self._paused:
            del self._paused[name]
        elif name in self._silent:
            return
        else:
            self._silent[name] = self._renewed()
        self._kubelets.crash(name)
        self._look()

    def press(self, name: str, what: str) -> None:
        """Let a node run out of ``memory``, ``disk`` or ``pid``: it says so and evicts a pod."""
        node = self._store.get(Node, "", name)
        if node is None or name in self._silent:
            return
        self._kubelet_client.send(pressed(node, what, self._engine.now))
        self._kubelets.evict(name, PRESSED_RESOURCE[what])

    def shut_down(self, name: str) -> None:
        """Shut a machine down with notice: its pods end first, then it goes dark."""
        node = self._store.get(Node, "", name)
        if node is None or name in self._silent:
            return
        self._kubelet_client.send(shutting_down(node, self._engine.now))
        grace_ns = self._timing.shutdown_grace_ns
        self._kubelets.shut_down(name, grace_ns // SECOND)
        self._look()
        self._closing[name] = None
        self._engine.after(grace_ns, self._go_off, name)

    def _renewed(self) -> int:
        """Return when a kubelet that falls silent now has renewed its lease last."""
        return last_renewal(self._engine.now, every_ns=self._timing.lease_renew_ns)

    def _go_off(self, name: str) -> None:
        if self._closing.pop(name, "") is None:
            self.crash(name)

    def lose(self, name: str) -> None:
        """Delete a Node object; its machine is gone with it."""
        node = self._store.get(Node, "", name)
        assert node is not None, f"node {name} is lost twice"
        self._lost[name] = node
        self._kubelets.crash(name)
        self._cloud_client.send(Delete(kind="Node", namespace="", name=name))

    def repair(self, name: str) -> None:
        """Bring a machine back: its Node object if it was lost, its kubelet in any case."""
        lost = self._lost.pop(name, None)
        if lost is not None:
            self._cloud_client.send(Create(obj=_as_new(lost)))
        self._silent.pop(name, None)
        self._closing.pop(name, None)
        if self._paused is not None:
            self._silent[name] = self._renewed()
            self._paused[name] = None
        self._kubelets.recover(name)
        self._report(name)
        self._look()


def _as_new(node: Node) -> Node:
    """Return a node as its machine registers itself: open, without what the control plane had found."""
    own = tuple(taint for taint in node.spec.taints if not taint.key.startswith("node.kubernetes.io/"))
    return replace(node, spec=replace(node.spec, unschedulable=False, taints=own))
