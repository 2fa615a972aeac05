"""What is done to a cluster in a recorded run: the forms of ``do``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jobsim.api import codec
from jobsim.api.core import Node
from jobsim.api.kinds import namespaced
from jobsim.api.writes import Delete, Evict, Patch, Write
from jobsim.e2e.case import Step, ending_of
from jobsim.e2e.match import PodMatch
from jobsim.e2e.watcher import SeenPod, Watcher
from jobsim.errors import ApiError, InputError
from jobsim.runtime.cluster import Cluster

NAMESPACE = "default"


class Hands:
    """Does the steps of a script and keeps what the API refused.

    Parameters
    ----------
    cluster : Cluster
    watcher : Watcher
    """

    def __init__(self, cluster: Cluster, watcher: Watcher) -> None:
        self._cluster = cluster
        self._watcher = watcher
        self.results: list[dict[str, Any]] = []
        self._deeds: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
            "suspend": self._suspend,
            "patch": self._patch,
            "create": lambda do: self.create(do["create"]),
            "createNode": lambda do: self.create(do["createNode"]),
            "deletePods": self._delete_pods,
            "evictPods": self._evict_pods,
            "finishPods": self._finish_pods,
            "annotatePods": self._annotate_pods,
            "deleteJob": lambda do: self._delete("Job", do["deleteJob"], do),
            "deleteJobSet": lambda do: self._delete("JobSet", self._jobset(do["deleteJobSet"]), do),
            "deleteNode": lambda do: self._delete("Node", do["deleteNode"], do),
            "deleteNodeOf": lambda do: self._delete("Node", self._node_of(do["deleteNodeOf"]), do),
            "taintNodeOf": self._taint_node_of,
            "note": lambda do: None,
        }

    def perform(self, step: Step) -> None:
        """Do a step.

        Raises
        ------
        InputError
            The step lacks what its form needs.
        """
        try:
            self._deeds[step.form](step.do)
        except (KeyError, TypeError, ValueError) as err:
            raise InputError(f"step {dict(step.do)}: {err!r}") from None

    def create(self, document: Mapping[str, Any]) -> None:
        """Create an object through the whole of admission."""
        kind = str(document.get("kind", ""))
        place = {"namespace": NAMESPACE} if namespaced(kind) else {}
        document = {**document, "metadata": {**place, **(document.get("metadata") or {})}}
        cluster = self._cluster
        try:
            admitted = cluster.admission.admit_manifest(document, cluster.store)
            cluster.server.create(admitted, cluster.engine.now)
        except ApiError as err:
            self._refused(err)

    def _send(self, write: Write) -> None:
        error = self._cluster.server.request(write, self._cluster.engine.now).error
        if error is not None:
            self._refused(error)

    def _refused(self, error: ApiError) -> None:
        self.results.append({"code": error.code, "message": error.message})

    def _jobset(self, name: Any) -> str:
        return name if isinstance(name, str) and name else self._watcher.first_jobset()

    def _meant(self, asked: Mapping[str, Any]) -> list[SeenPod]:
        """Return the pods that are there and match, in the order of their names."""
        match = PodMatch(asked)
        return [seen for seen in self._watcher.living() if match(seen.facts)]

    # -- deeds ---------------------------------------------------------------------------------

    def _suspend(self, do: Mapping[str, Any]) -> None:
        name = self._jobset(do.get("jobset"))
        self._send(_merge("JobSet", name, {"spec": {"suspend": do["suspend"]}}))

    def _patch(self, do: Mapping[str, Any]) -> None:
        asked = do["patch"]
        self._send(_merge(asked.get("kind", "JobSet"), self._jobset(asked.get("name")), asked["patch"]))

    def _delete(self, kind: str, name: str, do: Mapping[str, Any]) -> None:
        namespace = NAMESPACE if namespaced(kind) else ""
        policy = do.get("policy", "Background")
        self._send(Delete(kind=kind, namespace=namespace, name=name, propagation=policy))

    def _delete_pods(self, do: Mapping[str, Any]) -> None:
        for seen in self._meant(do["deletePods"]):
            self._send(Delete(kind="Pod", namespace=seen.pod.namespace, name=seen.pod.name))

    def _evict_pods(self, do: Mapping[str, Any]) -> None:
        for seen in self._meant(do["evictPods"]):
            self._send(Evict(namespace=seen.pod.namespace, name=seen.pod.name))

    def _finish_pods(self, do: Mapping[str, Any]) -> None:
        end = ending_of(do)
        for seen in self._meant(do["finishPods"]):
            self._cluster.kubelets.finish(seen.pod, end.exit, end.container, end.conditions)

    def _annotate_pods(self, do: Mapping[str, Any]) -> None:
        for seen in self._meant(do["annotatePods"]):
            self._send(_merge("Pod", seen.pod.name, {"metadata": {"annotations": do["annotations"]}}))

    def _node_of(self, asked: Mapping[str, Any]) -> str:
        """Return the node of the first pod that matches and has one."""
        for seen in self._meant(asked):
            if seen.pod.spec.node_name:
                return seen.pod.spec.node_name
        raise ValueError("no pod that matches has a node")

    def _taint_node_of(self, do: Mapping[str, Any]) -> None:
        node = self._cluster.store.get(Node, "", self._node_of(do["taintNodeOf"]))
        if node is None:
            raise ValueError("the pod's node is gone")
        taint = (
            do.get("taint")
            or do.get("taints")
            or {key: do[key] for key in ("key", "value", "effect") if key in do}
        )
        new = taint if isinstance(taint, list) else [taint]
        taints = [*(codec.to_data(old) for old in node.spec.taints), *new]
        self._send(_merge("Node", node.name, {"spec": {"taints": taints}}))


def _merge(kind: str, name: str, patch: Any) -> Patch:
    return Patch(kind=kind, namespace=NAMESPACE if namespaced(kind) else "", name=name, patch=patch)
