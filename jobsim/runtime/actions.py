"""What people and other systems do: kubectl's verbs at a time or at a condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jobsim.api import codec
from jobsim.api._struct import replace
from jobsim.api.core import Namespace, Node
from jobsim.api.jobset import JobSet
from jobsim.api.kinds import namespaced
from jobsim.api.meta import Object, ObjectMeta, is_true
from jobsim.api.pod import Pod
from jobsim.api.timing import REAL, Timing
from jobsim.api.watch import WatchEvent
from jobsim.api.writes import Create, Delete, Evict, Patch, PatchStatus, Update, Write
from jobsim.apiserver.store import Store
from jobsim.errors import ApiError
from jobsim.runtime.client import Client
from jobsim.runtime.drain import Drains
from jobsim.runtime.engine import Engine
from jobsim.runtime.setup import Action, Submission, When


class Actor:
    """The user's hands.

    Parameters
    ----------
    engine, store, client :
    submit : callable
        Applies a manifest's document; raises ``ApiError``.
    warn : callable
        Takes what went wrong, for the summary.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        client: Client,
        submit: Callable[[Submission], Object],
        warn: Callable[[str], None],
        timing: Timing = REAL,
    ) -> None:
        self._engine = engine
        self._store = store
        self._client = client
        self._submit = submit
        self._warn = warn
        self.drains = Drains(engine, store, client, warn, timing.drain_retry_ns)
        self._waiting: list[Action] = []
        self._planned = 0

    def hopeful(self) -> bool:
        """Tell whether an action with a time is still to come."""
        return self._planned > 0

    def waiting(self) -> list[When]:
        """Return the moments that never came."""
        return [action.when for action in self._waiting if action.when is not None]

    def schedule(self, actions: tuple[Action, ...]) -> None:
        """Set a timer for each action with a time, and wait for the conditions of the others."""
        for action in actions:
            if action.at is not None:
                self._plan(action.at, action)
            else:
                self._waiting.append(action)
        if self._waiting:
            self._store.subscribe(self._hear, ("JobSet",))

    def _hear(self, event: WatchEvent) -> None:
        jobset = event.obj
        if not self._waiting or not isinstance(jobset, JobSet):
            return
        for action in list(self._waiting):
            when = action.when
            assert when is not None, "an action has a time or a condition"
            if (when.namespace, when.jobset) == jobset.key and is_true(
                jobset.status.conditions, when.condition
            ):
                self._waiting.remove(action)
                self._plan(self._engine.now + action.after, action)

    def _plan(self, time: int, action: Action) -> None:
        self._planned += 1
        self._engine.at(time, self._perform_planned, action)

    def _perform_planned(self, action: Action) -> None:
        self._planned -= 1
        self.perform(action)

    def perform(self, action: Action) -> None:
        """Do it now; a refusal becomes a warning of the summary."""
        match action.verb:
            case "apply":
                for submission in action.docs:
                    self._apply(submission)
            case "drain":
                self.drains.begin(action.name)
            case "cordon" | "uncordon":
                self._send(
                    _patch("Node", "", action.name, {"spec": {"unschedulable": action.verb == "cordon"}})
                )
            case "taint":
                self._taint(action)
            case "evict":
                name = self._name(action)
                self._send(Evict(namespace=action.namespace, name=name, grace_s=action.grace_s))
            case "delete":
                self._delete(action)
            case "json-patch":
                self._json_patch(action)
            case "patch" | "patch-status":
                self._patch(action)

    def _send(self, write: Write) -> Object | None:
        result = self._client.send(write)
        if result.error is not None:
            self._warn(f"{write.VERB} {write.kind.lower()}/{write.name}: {result.error.message}")
        return result.obj

    def _apply(self, submission: Submission) -> None:
        try:
            self._submit(submission)
        except ApiError as err:
            place = f"{submission.file}:{submission.line}: " if submission.file else ""
            self._warn(f"{place}{err.message}")

    def _delete(self, action: Action) -> None:
        propagation = action.propagation or "Background"
        if action.kind == Namespace.KIND and self._is_taken_as_existing(action.name):
            # What was taken as existing exists.
            self._send(Create(obj=Namespace(metadata=ObjectMeta(name=action.name))))
        self._send(
            Delete(
                kind=action.kind,
                namespace=_namespace(action),
                name=self._name(action),
                propagation=propagation,  # type: ignore[arg-type]
                grace_s=action.grace_s,
            )
        )

    def _is_taken_as_existing(self, namespace: str) -> bool:
        return self._store.get(Namespace, "", namespace) is None and bool(self._store.in_namespace(namespace))

    def _name(self, action: Action) -> str:
        """Return an object's name: users know those of pods without the random suffix."""
        if action.kind != "Pod":
            return action.name
        found = pods_named(self._store, action.name, action.namespace)
        alive = [pod for pod in found if not pod.terminal and not pod.terminating]
        return (alive or found)[0].name if found else action.name

    def _patch(self, action: Action) -> None:
        action = replace(action, name=self._name(action))
        if action.status or action.verb == "patch-status":
            self._send(
                PatchStatus(
                    kind=action.kind, namespace=_namespace(action), name=action.name, patch=action.patch
                )
            )
        else:
            self._send(_patch(action.kind, _namespace(action), action.name, action.patch))

    def _json_patch(self, action: Action) -> None:
        """Apply a JSON patch (RFC 6902) to the object as it is now."""
        import jsonpatch

        action = replace(action, name=self._name(action))
        obj = self._store.find(action.kind, _namespace(action), action.name)
        if obj is None:
            self._warn(f"patch {action.kind.lower()}/{action.name}: not found")
            return
        try:
            changed = jsonpatch.apply_patch(codec.to_dict(obj), action.patch)
            new = codec.from_dict(changed)
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, codec.DecodeError) as err:
            self._warn(f"patch {action.kind.lower()}/{action.name}: {err}")
            return
        self._send(Update(obj=new))

    def _taint(self, action: Action) -> None:
        """Put taints on a node in place of those of the same key and effect."""
        node = self._store.get(Node, "", action.name)
        if node is None:
            self._warn(f'taint node/{action.name}: nodes "{action.name}" not found')
            return
        new = {(t.key, t.effect) for t in action.taints}
        kept = [t for t in node.spec.taints if (t.key, t.effect) not in new]
        taints = [codec.to_data(t) for t in (*kept, *action.taints)]
        self._send(_patch("Node", "", action.name, {"spec": {"taints": taints}}))

    def cordon(self, name: str) -> None:
        """Keep new pods away from a node."""
        self._send(_patch("Node", "", name, {"spec": {"unschedulable": True}}))

    def uncordon(self, name: str) -> None:
        """Let pods be scheduled to a node again."""
        self._send(_patch("Node", "", name, {"spec": {"unschedulable": False}}))


def pods_named(store: Store, name: str, namespace: str | None = None) -> list[Pod]:
    """Return the pods of a name, or those of it when the API server's random suffix is left off."""
    pods = store.list(Pod, namespace)
    exact = [pod for pod in pods if pod.name == name]
    return exact or [
        pod for pod in pods if pod.metadata.generate_name and pod.name.rpartition("-")[0] == name
    ]


def _patch(kind: str, namespace: str, name: str, patch: Mapping[str, Any]) -> Patch:
    return Patch(kind=kind, namespace=namespace, name=name, patch=patch)


def _namespace(action: Action) -> str:
    """Return the namespace of an action's object; none for kinds of the whole cluster."""
    return action.namespace if namespaced(action.kind) else ""
