"""The world around the Job controller in a recorded episode: store, script, faults, and its diary."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from jobsim.api import codec
from jobsim.api._struct import Time, replace
from jobsim.api.batch import Job
from jobsim.api.meta import Object
from jobsim.api.plan import WriteResult
from jobsim.api.pod import Pod, PodStatus
from jobsim.api.timing import DEFAULT_GRACE_S
from jobsim.api.watch import WatchEvent
from jobsim.api.writes import Create, Delete, Patch, PatchFinalizers, PatchStatus, UpdateStatus, Write
from jobsim.apiserver.schema_errors import invalid_object
from jobsim.apiserver.server import OpenAdmission, Server, merge_patch
from jobsim.apiserver.store import Store
from jobsim.controllers.admission.job_validate_status import status_errors
from jobsim.controllers.job import constants
from jobsim.errors import CODES, ApiError
from jobsim.testing.conformance_case import Case
from jobsim.units import floor_second, seconds, to_seconds

_FAILURE_COUNTS = (constants.INDEX_FAILURE_COUNT, constants.INDEX_IGNORED_FAILURE_COUNT)


class _Numbers:
    """Names and UIDs by number, in the order of creation."""

    def __init__(self) -> None:
        self.count = 0

    def suffix(self) -> str:
        return f"{self.count:05d}"

    def uid(self) -> str:
        self.count += 1
        return f"pod-{self.count - 1}"


class _Rules(OpenAdmission):
    """The part of admission that an episode relies on: a pod's defaults, a Job's status."""

    def admit_create(self, obj: Object, reader: object) -> Object:
        """Return a pod as it is stored first."""
        if not isinstance(obj, Pod):
            return obj
        spec = obj.spec
        if spec.termination_grace_period_seconds is None:
            spec = replace(spec, termination_grace_period_seconds=DEFAULT_GRACE_S)
        status = obj.status if obj.status.phase else replace(obj.status, phase="Pending")
        return replace(obj, spec=spec, status=status)

    def admit_status(self, new: Object, old: Object) -> None:
        """Refuse what the API server refuses (K-JOB-06)."""
        if isinstance(new, Job) and isinstance(old, Job):
            errors = status_errors(new, old)
            if errors:
                raise invalid_object("Job", new.name, errors)


class _Fault:
    """One rule of an episode: which attempts of a verb are refused, and how."""

    def __init__(self, rule: Mapping[str, Any]) -> None:
        self.rule = rule
        self._left = rule.get("times")

    def hits(self, do: str, attempt: int, pod: int | None, now: int) -> bool:
        """Tell whether this attempt is refused; ``attempt`` counts those of the verb from 1."""
        rule = self.rule
        if rule["do"] != do or self._left == 0:
            return False
        if "nth" in rule and attempt not in rule["nth"]:
            return False
        if "pod" in rule and pod != rule["pod"]:
            return False
        if now < seconds(rule.get("from", 0)) or ("until" in rule and now >= seconds(rule["until"])):
            return False
        if self._left is not None:
            self._left -= 1
        return True

    def error(self) -> ApiError:
        """Return the refusal."""
        reason = self.rule["error"]
        return ApiError(reason, self.rule.get("message", reason), code=CODES.get(reason, 403))


class World:
    """Everything but the controller.

    Parameters
    ----------
    case : mapping
    hear : callable
        Called with each WatchEvent of the store.
    """

    def __init__(self, case: Case, hear: Callable[[WatchEvent], None]) -> None:
        self.now = 0
        self.store = Store()
        self.store.subscribe(hear)
        self._hear = hear
        self.timeline: list[dict[str, Any]] = []
        self._server = Server(self.store, _Rules(), _Numbers())
        self._document: Mapping[str, Any] = case["job"]
        self._job = codec.from_dict({**self._document, "apiVersion": "batch/v1", "kind": "Job"})
        self._job_made = False
        self._pods: list[str] = []
        self._faults = [_Fault(rule) for rule in case.get("faults", ())]
        self._attempts: dict[str, int] = {}
        self._skeleton: object = None
        self._job_updated = False
        script = [{"at": case.get("createAt", 0), "create": True}, *case["script"]]
        self._script = sorted(script, key=lambda step: seconds(step["at"]))
        self._script.reverse()

    # -- the diary -----------------------------------------------------------------------------

    def enter(self, do: str, **what: object) -> None:
        """Note something that the controller did."""
        self.timeline.append({"t": to_seconds(self.now), "do": do, **what})

    def request(self, write: Write) -> WriteResult:
        """Answer a write of the controller, and note it."""
        do, pod, what = self._describe(write)
        attempt = self._attempts[do] = self._attempts.get(do, 0) + 1
        fault = next((f for f in self._faults if f.hits(do, attempt, pod, self.now)), None)
        if fault is not None:
            result = WriteResult(write=write, error=fault.error())
        else:
            result = self._server.request(write, self.now)
        if result.error is not None:
            what["error"] = result.error.reason
            if result.error.reason == "Invalid":
                what["errorText"] = result.error.message
        elif isinstance(write, Create):
            assert result.obj is not None
            what["pod"] = len(self._pods)
            if "object" in what:
                self._skeleton = _without_index(what["object"])
            self._pods.append(result.obj.name)
        self.enter(do, **what)
        return result

    def _describe(self, write: Write) -> tuple[str, int | None, dict[str, Any]]:
        """Return a write as the diary names it, the number of its pod, and the details."""
        if isinstance(write, Create):
            return "create-pod", None, self._describe_create(write.obj)
        if isinstance(write, UpdateStatus):
            assert isinstance(write.obj, Job)
            return "job-status", None, {"status": codec.to_data(write.obj.status)}
        pod = self._pods.index(write.name)
        if isinstance(write, Delete):
            return "delete-pod", pod, {"pod": pod}
        assert isinstance(write, Patch | PatchFinalizers)
        return "patch-pod", pod, {"pod": pod, "patch": {"metadata": self._strategic(write)}}

    def _describe_create(self, obj: Object) -> dict[str, Any]:
        data = codec.normal_form(codec.to_data(obj))
        meta = data["metadata"]
        del meta["namespace"]
        annotations = meta.get("annotations", {})
        what: dict[str, Any] = {}
        if constants.COMPLETION_INDEX in annotations:
            what["index"] = int(annotations[constants.COMPLETION_INDEX])
        counts = {name: annotations[name] for name in _FAILURE_COUNTS if name in annotations}
        if counts:
            what["annotations"] = counts
        if _without_index(data) != self._skeleton:
            what["object"] = data
        return what

    def _strategic(self, write: Patch | PatchFinalizers) -> dict[str, Any]:
        """Return the metadata of a patch as the real controller sends it: a strategic merge patch."""
        remove = {"$deleteFromPrimitiveList/finalizers": [constants.TRACKING_FINALIZER]}
        if isinstance(write, PatchFinalizers):
            return remove
        meta = write.patch["metadata"]
        owners = [ref for ref in meta["ownerReferences"] or () if ref["uid"] == self._job.uid]
        if owners:
            finalizers = [constants.TRACKING_FINALIZER]
            return {"uid": meta["uid"], "finalizers": finalizers, "ownerReferences": owners}
        return {
            **remove,
            "uid": meta["uid"],
            "ownerReferences": [{"$patch": "delete", "uid": self._job.uid}],
        }

    # -- the script ----------------------------------------------------------------------------

    def next_step(self) -> int | None:
        """Return when the script goes on, ns."""
        return seconds(self._script[-1]["at"]) if self._script else None

    def step(self) -> bool:
        """Do the next step of the script; tell whether it restarts the controller."""
        step = self._script.pop()
        if "controllerRestart" in step:
            return True
        if "create" in step or "jobCreate" in step:
            self._create_job(step.get("jobCreate"))
        elif "podCreate" in step:
            pod = codec.from_dict({**step["podCreate"], "apiVersion": "v1", "kind": "Pod"})
            pod = pod.with_meta(namespace=pod.namespace or self._job.namespace)
            self._pods.append(self._server.create(pod, self.now).name)
        else:
            # The script speaks of pods that may be gone by now.
            with contextlib.suppress(ApiError):
                self._change(step)
        return False

    def _create_job(self, given: object) -> None:
        """Create the episode's Job; ``given`` is another document for a second one of the name, if any."""
        document, uid = self._document, self._document["metadata"]["uid"]
        if self._job_made:
            again = re.sub(r"\d*$", lambda tail: str(int(tail[0] or 0) + 1), uid, count=1)
            self._document = document = json.loads(json.dumps(document).replace(uid, again))
        if isinstance(given, Mapping):
            meta = {**document["metadata"], **given.get("metadata", {})}
            self._document = document = {**document, **given, "metadata": meta}
        self._job_made = True
        self._job = codec.from_dict({**document, "apiVersion": "batch/v1", "kind": "Job"})
        born = Time(floor_second(self.now))
        self.store.create(self._job.with_meta(creation_timestamp=born), self.now)

    def _change(self, step: Mapping[str, Any]) -> None:
        namespace, name = self._job.key
        if "pod" in step:
            self._change_pod(step)
        elif "podDelete" in step or "podGone" in step:
            number = step.get("podDelete", step.get("podGone"))
            grace = 0 if "podGone" in step else step.get("gracePeriodSeconds")
            pod = Delete(kind="Pod", namespace=namespace, name=self._name(number), grace_s=grace)
            self.store.delete(pod, self.now)
        elif "jobDelete" in step:
            how = step["jobDelete"]
            self.store.delete(Delete(kind="Job", namespace=namespace, name=name, propagation=how), self.now)
        else:
            self._change_job(step)

    def _change_job(self, step: Mapping[str, Any]) -> None:
        namespace, name = self._job.key
        if "jobStatus" in step:
            patch = {"status": step["jobStatus"]}
            self._server.apply(PatchStatus(kind="Job", namespace=namespace, name=name, patch=patch), self.now)
            return
        old = self.store.get(Job, namespace, name)
        before = self.store.revision
        update = Patch(kind="Job", namespace=namespace, name=name, patch=step["job"])
        self._server.apply(update, self.now)
        if old is not None and not self._job_updated and self.store.revision == before:
            self._touch(old)
        self._job_updated = True

    def _change_pod(self, step: Mapping[str, Any]) -> None:
        name = self._name(step["pod"])
        pod = self.store.get(Pod, self._job.namespace, name)
        if pod is None:
            return
        if "metadata" in step:
            merged = merge_patch(codec.to_dict(pod), {"metadata": step["metadata"]})
            self.store.update(codec.from_dict(merged), self.now)
        if "nodeName" in step:
            spec = replace(pod.spec, node_name=step["nodeName"])
            self.store.update(replace(pod, spec=spec), self.now)
        found = self.store.get(Pod, *pod.key)
        if "status" in step and found is not None:
            status = codec.convert(step["status"], PodStatus)
            self.store.update_status(replace(found, status=status), self.now)

    def _name(self, number: int) -> str:
        """Return a pod's name by its number; "" for one that was never made here."""
        return self._pods[number] if number < len(self._pods) else ""

    def _touch(self, old: Job) -> None:
        """Let a Job's first update be heard even if it changed nothing.

        The recorder's Job is not stored in the form in which an update stores it, so its API server
        finds a difference once.  Later updates that change nothing write nothing.
        """
        self.store.revision += 1
        new = old.with_meta(resource_version=str(self.store.revision))
        self.store.put(new)
        self._hear(WatchEvent(type="MODIFIED", obj=new, old=old, revision=self.store.revision, time=self.now))


def _without_index(data: Mapping[str, Any]) -> object:
    """Return a created pod without what differs from index to index."""
    varying = (constants.COMPLETION_INDEX, *_FAILURE_COUNTS)
    meta = {k: v for k, v in data["metadata"].items() if k != "generateName"}
    for part in ("labels", "annotations"):
        meta[part] = {k: v for k, v in meta.get(part, {}).items() if k not in varying}
    spec = {k: v for k, v in data["spec"].items() if k != "hostname"}
    return {"metadata": meta, "spec": spec}
