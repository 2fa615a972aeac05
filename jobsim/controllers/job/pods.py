"""The tally of a Job's pods from pod objects: one pass over them, lists only when asked for.

Source: kubernetes pkg/controller/job/job_controller.go, indexed_job_utils.go,
pkg/controller/controller_utils.go; clauses K-JOB-37, K-JOB-43..47, K-JOB-52, K-JOB-57.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobsim.api.batch import Job
from jobsim.api.meta import Labels
from jobsim.api.pod import Pod
from jobsim.controllers.job import backoff, indexes, pod_failure_policy
from jobsim.controllers.job.constants import (
    COMPLETION_INDEX,
    INDEX_FAILURE_COUNT,
    INDEX_IGNORED_FAILURE_COUNT,
    TRACKING_FINALIZER,
)
from jobsim.controllers.job.indexes import Intervals
from jobsim.controllers.job.pod_tally import NO_INDEX, LastFailure, PodRef, PodTally, Tracked
from jobsim.controllers.job.victims import removal_order


def completion_index(annotations: Labels) -> int:
    """Return the completion index in a pod's annotations, ``NO_INDEX`` if there is no valid one."""
    return _index(annotations.get(COMPLETION_INDEX))


def _index(text: str | None) -> int:
    if text is None:
        return NO_INDEX
    digits = text if text.isdecimal() else text.removeprefix("+")
    return int(digits) if digits.isdecimal() and digits.isascii() else NO_INDEX


def _index_set(texts: list[str | None]) -> Intervals:
    """Return the valid indexes among annotation values."""
    if not texts:
        return ()
    found = [_index(text) for text in texts]
    return indexes.of([index for index in found if index != NO_INDEX])


def replaces_only_failed(job: Job) -> bool:
    """Tell whether replacements wait until a terminating pod has ended (K-JOB-75)."""
    return job.spec.pod_replacement_policy == "Failed" or job.spec.pod_failure_policy is not None


def indexed(job: Job) -> bool:
    """Tell whether a Job's pods have completion indexes."""
    return job.spec.completion_mode == "Indexed"


def is_ready(pod: Pod) -> bool:
    """Tell whether a pod's Ready condition is True."""
    for condition in pod.status.conditions:
        if condition.type == "Ready":
            return condition.status == "True"
    return False


def tally(job: Job, pods: Sequence[Pod]) -> PodTally:
    """Return the tally of all pods that belong to a Job, given in list order."""
    return ObjectTally(job, pods)


class ObjectTally:
    """The tally of pod objects."""

    def __init__(self, job: Job, pods: Sequence[Pod]) -> None:
        self._job = job
        self._pods = pods
        self._indexed = indexed(job)
        self._completions = job.spec.completions or 0
        self._count()
        self.failed_at: list[int] = []
        self.succeeded_at: list[int] = []
        self.failed_counting = 0
        self.succeeded_indexes: Intervals = ()
        self.failed_indexes: Intervals = ()
        self.fail_job_message = ""
        if self._ended:
            self._account()

    def _count(self) -> None:
        """Sort pods into active, terminating and ended ones."""
        by_mark = not replaces_only_failed(self._job)
        sum_restarts = self._job.spec.template.spec.restart_policy == "OnFailure"
        with_index = self._indexed
        ready = terminating = restarts = 0
        active: list[Pod] = []
        ended: list[Pod] = []
        active_indexes: list[str | None] = []
        terminating_indexes: list[str | None] = []
        for pod in self._pods:
            status = pod.status
            phase = status.phase
            if phase == "Succeeded" or phase == "Failed":
                ended.append(pod)
                continue
            if sum_restarts and phase in ("Running", "Pending"):
                restarts += _restarts(pod)
            meta = pod.metadata
            if meta.deletion_timestamp is not None:
                terminating += 1
                if by_mark:
                    ended.append(pod)
                if with_index:
                    terminating_indexes.append(meta.annotations.get(COMPLETION_INDEX))
                continue
            active.append(pod)
            for condition in status.conditions:
                if condition.type == "Ready":
                    ready += condition.status == "True"
                    break
            if with_index:
                active_indexes.append(meta.annotations.get(COMPLETION_INDEX))
        self.active = len(active)
        self.ready = ready
        self.terminating = terminating
        self.restarts = restarts
        self._active = active
        self._ended = ended
        self.active_indexes = _index_set(active_indexes)
        self.terminating_indexes = _index_set(terminating_indexes)

    def _account(self) -> None:
        """Look at the pods that succeeded or failed: indexes, times, policy."""
        job = self._job
        policy = job.spec.pod_failure_policy
        limit = job.spec.backoff_limit_per_index if self._indexed else None
        uncounted = _uncounted(job)
        succeeded_indexes: list[int] = []
        failed_indexes: list[int] = []
        for pod in self._ended:
            failed = pod.status.phase != "Succeeded"
            verdict = pod_failure_policy.match(policy, pod) if failed else pod_failure_policy.NO_MATCH
            if verdict.message and not self.fail_job_message:
                self.fail_job_message = verdict.message
            if TRACKING_FINALIZER not in pod.metadata.finalizers:
                continue
            if self._indexed:
                index = completion_index(pod.metadata.annotations)
                if index == NO_INDEX or index >= self._completions:
                    continue
                if not failed:
                    succeeded_indexes.append(index)
                elif limit is not None and (
                    verdict.action == "FailIndex"
                    or (verdict.counts and _count_in(pod, INDEX_FAILURE_COUNT) >= limit)
                ):
                    failed_indexes.append(index)
            if pod.uid in uncounted[failed]:
                continue
            if failed:
                self.failed_at.append(backoff.finish_time(pod))
                self.failed_counting += verdict.counts
            else:
                self.succeeded_at.append(backoff.finish_time(pod))
        self.succeeded_indexes = indexes.of(succeeded_indexes)
        self.failed_indexes = indexes.of(failed_indexes)

    def active_pods(self) -> list[PodRef]:
        """Return all active pods."""
        return [_ref(pod) for pod in self._active]

    def surplus(self, at_least: int) -> list[PodRef]:
        """Return active pods to take away (K-JOB-37)."""
        surplus: list[Pod] = []
        left = self._active
        if self._indexed and not self._well_placed():
            surplus, left = self._misplaced()
        if len(surplus) < at_least:
            surplus = surplus + removal_order(left)[: at_least - len(surplus)]
        return [_ref(pod) for pod in surplus]

    def _well_placed(self) -> bool:
        """Tell whether every active pod has a valid index of its own."""
        taken = self.active_indexes
        if indexes.total(taken) != self.active:
            return False
        return not taken or taken[-1][1] < self._completions

    def _misplaced(self) -> tuple[list[Pod], list[Pod]]:
        """Return pods without a valid index or that double one, and the rest, by index."""
        by_index: dict[int, list[Pod]] = {}
        for pod in self._active:
            by_index.setdefault(completion_index(pod.metadata.annotations), []).append(pod)
        surplus: list[Pod] = []
        left: list[Pod] = []
        for index in sorted(by_index):
            pods = by_index[index]
            if index == NO_INDEX or index >= self._completions:
                surplus += pods
            else:
                if len(pods) > 1:
                    pods = removal_order(pods)
                surplus += pods[:-1]
                left.append(pods[-1])
        return surplus, left

    def tracked(self, *, all_pods: bool) -> list[Tracked]:
        """Return tracked pods: those that succeeded or failed, or all; Indexed: by index."""
        policy = self._job.spec.pod_failure_policy
        by_mark = not replaces_only_failed(self._job)
        found = []
        for pod in self._pods if all_pods else self._ended:
            if TRACKING_FINALIZER not in pod.metadata.finalizers:
                continue
            meta, phase = pod.metadata, pod.status.phase
            succeeded = phase == "Succeeded"
            failed = phase == "Failed" or (by_mark and not succeeded and meta.deletion_timestamp is not None)
            found.append(
                Tracked(
                    name=meta.name,
                    uid=meta.uid,
                    index=completion_index(meta.annotations),
                    succeeded=succeeded,
                    failed=failed,
                    counts=succeeded or pod_failure_policy.match(policy, pod).counts,
                )
            )
        if self._indexed:
            found.sort(key=_index_of)
        return found

    def held_uids(self, uids: Sequence[str]) -> set[str]:
        """Return those of some UIDs whose pods are still tracked."""
        if not uids:
            return set()
        wanted = set(uids)
        return {
            pod.uid
            for pod in self._pods
            if pod.metadata.uid in wanted and TRACKING_FINALIZER in pod.metadata.finalizers
        }

    def last_failures(self, decided: Intervals) -> Mapping[int, LastFailure]:
        """Return by index the last failed pod, where the index is neither decided nor active."""
        found: dict[int, LastFailure] = {}
        for pod in self._ended:
            if pod.status.phase == "Succeeded" or TRACKING_FINALIZER not in pod.metadata.finalizers:
                continue
            index = completion_index(pod.metadata.annotations)
            if index == NO_INDEX or index >= self._completions:
                continue
            if indexes.contains(decided, index) or indexes.contains(self.active_indexes, index):
                continue
            new = self._last_failure(pod)
            old = found.get(index)
            if old is None or (_all_failures(old) <= _all_failures(new) and old.finished <= new.finished):
                found[index] = new
        return found

    def _last_failure(self, pod: Pod) -> LastFailure:
        return LastFailure(
            uid=pod.uid,
            failures=_count_in(pod, INDEX_FAILURE_COUNT),
            ignored_failures=_count_in(pod, INDEX_IGNORED_FAILURE_COUNT),
            counts=pod_failure_policy.match(self._job.spec.pod_failure_policy, pod).counts,
            finished=backoff.finish_time(pod),
        )


def _ref(pod: Pod) -> PodRef:
    meta = pod.metadata
    return PodRef(
        name=meta.name, uid=meta.uid, ready=is_ready(pod), finalizer=TRACKING_FINALIZER in meta.finalizers
    )


def _index_of(pod: Tracked) -> int:
    return pod.index


def _all_failures(pod: LastFailure) -> int:
    return pod.failures + pod.ignored_failures


def _uncounted(job: Job) -> tuple[frozenset[str], frozenset[str]]:
    """Return the UIDs that wait to be counted: of pods that succeeded, and that failed."""
    uncounted = job.status.uncounted_terminated_pods
    if uncounted is None:
        return frozenset(), frozenset()
    return frozenset(uncounted.succeeded), frozenset(uncounted.failed)


def _restarts(pod: Pod) -> int:
    """Return the restarts of all containers of a pod, sidecars and init containers too (K-JOB-46)."""
    status = pod.status
    restarts = 0
    for container in status.container_statuses:
        restarts += container.restart_count
    for container in status.init_container_statuses:
        restarts += container.restart_count
    return restarts


def _count_in(pod: Pod, annotation: str) -> int:
    """Return the number in an annotation; 0 if there is no valid one (a user may have broken it)."""
    text = pod.metadata.annotations.get(annotation, "").removeprefix("+")
    if not text.isdecimal() or not text.isascii() or int(text) > 2**31 - 1:
        return 0
    return int(text)
