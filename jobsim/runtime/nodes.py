"""Nodes in time: which are dark, lost or back (heartbeats: ``controllers.node_lifecycle``)."""

from __future__ import annotations

from collections.abc import Callable

from jobsim.api.core import Node
from jobsim.api.plan import EventRecord
from jobsim.api.writes import Delete
from jobsim.apiserver.store import Store
from jobsim.runtime.client import Client
from jobsim.runtime.engine import Engine
from jobsim.runtime.kubelet import Kubelets
from jobsim.runtime.setup import Setup


class Nodes:
    """The machines of a run."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        client: Client,
        kubelets: Kubelets,
        setup: Setup,
        record: Callable[[str, EventRecord], None],
    ) -> None:
        self._engine = engine
        self._store = store
        self._client = client
        self._kubelets = kubelets
        self._lost: dict[str, Node] = {}

    def crash(self, name: str) -> None:
        """Let a machine go dark."""
        self._kubelets.crash(name)

    def lose(self, name: str) -> None:
        """Delete a Node object; its machine is gone with it."""
        node = self._store.get(Node, "", name)
        assert node is not None
        self._lost[name] = node
        self._kubelets.crash(name)
        self._client.send(Delete(kind="Node", namespace="", name=name))

    def repair(self, name: str) -> None:
        """Bring a machine back."""
        self._kubelets.recover(name)
