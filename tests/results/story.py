"""A cluster played by hand: the changes that a run would make, at times of the test's choosing.

The real store makes the watch events; the test plays all controllers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobsim.api._struct import Time, replace
from jobsim.api.batch import Job, JobSpec, JobTemplateSpec
from jobsim.api.jobset import (
    JOB_INDEX,
    JOBSET_NAME,
    REPLICATED_JOB_NAME,
    RESTART_ATTEMPT,
    JobSet,
    JobSetSpec,
    ReplicatedJob,
)
from jobsim.api.meta import Condition, Object, ObjectMeta, OwnerReference
from jobsim.api.pod import (
    Container,
    ContainerState,
    ContainerStateTerminated,
    ContainerStatus,
    EnvVar,
    Pod,
    PodSpec,
    PodStatus,
    PodTemplateSpec,
    Toleration,
)
from jobsim.api.watch import WatchEvent
from jobsim.api.writes import Bind, Delete
from jobsim.apiserver.store import Store
from jobsim.units import floor_second, seconds

INDEX = "batch.kubernetes.io/job-completion-index"
JOB_NAME = "batch.kubernetes.io/job-name"
TRACKING = "batch.kubernetes.io/job-tracking"
CONTAINERS = (
    Container(
        name="main",
        image="trainer:1",
        command=("python", "train.py", "--lr", "3e-4"),
        env=(EnvVar(name="RANK", value="0"), EnvVar(name="WORLD", value="64")),
    ),
)


class Story:
    """The store, the clock, and verbs named after what happens."""

    def __init__(self, *listeners: Callable[[WatchEvent], None]) -> None:
        self.now = 0
        self.store = Store()
        self.events: list[WatchEvent] = []
        self.store.subscribe(self.events.append)
        for listener in listeners:
            self.store.subscribe(listener)
        self._serial = 0

    def at(self, time_s: float) -> Story:
        self.now = seconds(time_s)
        return self

    def _stamp(self) -> Time:
        return Time(floor_second(self.now))

    def _uid(self, prefix: str) -> str:
        self._serial += 1
        return f"{prefix}-{self._serial:06d}"

    def create(self, obj: Object) -> Any:
        meta = replace(obj.metadata, uid=self._uid(obj.kind.lower()), creation_timestamp=self._stamp())
        return self.store.create(replace(obj, metadata=meta), self.now)

    # -- JobSet --------------------------------------------------------------------------------

    def jobset(self, name: str = "train", *rjobs: ReplicatedJob, **spec: Any) -> JobSet:
        rjobs = rjobs or (rjob("workers", replicas=2, pods=2),)
        return self.create(
            JobSet(
                metadata=ObjectMeta(name=name, namespace="default"),
                spec=JobSetSpec(replicated_jobs=rjobs, **spec),
            )
        )

    def update_status(self, obj: Any, **changes: Any) -> Any:
        current = self.store.find(obj.kind, obj.namespace, obj.name)
        assert current is not None
        status = replace(current.status, **changes)  # type: ignore[attr-defined]
        return self.store.update_status(
            replace(current, status=status).with_meta(resource_version=""), self.now
        )

    def condition(
        self, obj: Any, type_: str, status: str = "True", reason: str = "", message: str = ""
    ) -> Any:
        current = self.store.find(obj.kind, obj.namespace, obj.name)
        assert current is not None
        others = tuple(c for c in current.status.conditions if c.type != type_)  # type: ignore[attr-defined]
        new = Condition(
            type=type_, status=status, reason=reason, message=message, last_transition_time=self._stamp()
        )
        return self.update_status(obj, conditions=(*others, new))

    def restart(self, jobset: JobSet, message: str = "") -> JobSet:
        restarts = self.get(jobset).status.restarts
        self.condition(jobset, "RestartingJobSet", "True", "DefaultFailurePolicy", message)
        return self.update_status(jobset, restarts=restarts + 1, restarts_count_towards_max=restarts + 1)

    def get(self, obj: Any) -> Any:
        found = self.store.find(obj.kind, obj.namespace, obj.name)
        assert found is not None
        return found

    def suspend(self, jobset: JobSet, suspend: bool) -> Any:
        current = self.get(jobset)
        return self.store.update(replace(current, spec=replace(current.spec, suspend=suspend)), self.now)

    def finish(self, jobset: JobSet, state: str = "Completed", reason: str = "AllJobsCompleted") -> Any:
        self.condition(jobset, state, "True", reason, "over")
        return self.update_status(jobset, terminal_state=state)

    # -- Job -----------------------------------------------------------------------------------

    def job(self, jobset: JobSet, rjob_name: str = "workers", index: int = 0) -> Job:
        jobset = self.get(jobset)
        spec = next(r for r in jobset.spec.replicated_jobs if r.name == rjob_name).template.spec
        labels = {
            JOBSET_NAME: jobset.name,
            REPLICATED_JOB_NAME: rjob_name,
            JOB_INDEX: str(index),
            RESTART_ATTEMPT: str(jobset.status.restarts),
        }
        return self.create(
            Job(
                metadata=ObjectMeta(
                    name=f"{jobset.name}-{rjob_name}-{index}",
                    namespace="default",
                    labels=labels,
                    owner_references=(owner(jobset),),
                ),
                spec=spec,
            )
        )

    def remove(self, obj: Any) -> Object:
        """Take an object away at once, finalizers or not."""
        current = self.get(obj)
        self.store._remove(current, self.now)
        return current

    # -- Pod -----------------------------------------------------------------------------------

    def pod(self, job: Job, index: int = 0) -> Pod:
        self._serial += 1
        job = self.get(job)
        return self.create(
            Pod(
                metadata=ObjectMeta(
                    name=f"{job.name}-{index}-{self._serial:05d}",
                    namespace="default",
                    labels={
                        **job.metadata.labels,
                        INDEX: str(index),
                        "batch.kubernetes.io/job-name": job.name,
                    },
                    annotations={INDEX: str(index)},
                    owner_references=(owner(job),),
                    finalizers=(TRACKING,),
                ),
                spec=PodSpec(
                    containers=CONTAINERS,
                    restart_policy="Never",
                    hostname=f"{job.name}-{index}",
                    subdomain="train",
                    tolerations=(Toleration(key="nvidia.com/gpu", operator="Exists"),),
                ),
                status=PodStatus(phase="Pending", qos_class="BestEffort"),
            )
        )

    def pods(self, job: Job) -> list[Pod]:
        return [self.pod(job, i) for i in range(job.spec.parallelism or 1)]

    def unschedulable(self, pod: Pod) -> Any:
        return self.condition(pod, "PodScheduled", "False", "Unschedulable", "0/4 nodes are available")

    def bind(self, pod: Pod, node: str = "node-0") -> Any:
        return self.store.bind(Bind(namespace="default", name=pod.name, node=node), self.now)

    def run(self, pod: Pod, ready: bool = True) -> Any:
        self.update_status(pod, phase="Running", start_time=self._stamp())
        return self.ready(pod) if ready else pod

    def ready(self, pod: Pod, status: str = "True") -> Any:
        return self.condition(pod, "Ready", status)

    def end(self, pod: Pod, exit_code: int = 0) -> Any:
        state = ContainerState(terminated=ContainerStateTerminated(exit_code=exit_code))
        self.ready(pod, "False")
        return self.update_status(
            pod,
            phase="Failed" if exit_code else "Succeeded",
            container_statuses=(ContainerStatus(name="main", state=state),),
        )

    def delete(self, pod: Pod) -> Any:
        return self.store.delete(Delete(kind="Pod", namespace="default", name=pod.name), self.now)

    def up(self, job: Job) -> list[Pod]:
        """Create, bind and run all pods of a Job at this instant."""
        pods = self.pods(job)
        for n, pod in enumerate(pods):
            self.bind(pod, f"node-{n}")
            self.run(pod)
        return pods


def rjob(name: str, *, replicas: int = 1, pods: int = 1, **fields: Any) -> ReplicatedJob:
    template = PodTemplateSpec(spec=PodSpec(containers=CONTAINERS, restart_policy="Never"))
    spec = JobSpec(parallelism=pods, completions=pods, completion_mode="Indexed", template=template)
    return ReplicatedJob(name=name, replicas=replicas, template=JobTemplateSpec(spec=spec), **fields)


def owner(obj: Object) -> OwnerReference:
    return OwnerReference(
        api_version=obj.api_version, kind=obj.kind, name=obj.name, uid=obj.uid, controller=True
    )
