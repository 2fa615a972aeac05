"""Jobs: defaults, generated parts, and what the API server refuses, in its words.

The texts were held against kube-apiserver's own validation code (1.36.3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobsim.api import codec
from jobsim.api._struct import replace
from jobsim.api.batch import Job
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers.admission.job_validate_policies import count_indexes, overlap
from jobsim.controllers.admission.pipeline import Admission
from jobsim.controllers.jobset import Gates
from jobsim.errors import ApiError

EMPTY = ObjectTable()
CONTAINER = {"name": "c", "image": "i"}


def make(pod: dict[str, Any] | None = None, labels: dict[str, str] | None = None, **spec: Any) -> Job:
    template = {
        "metadata": {"labels": labels or {}},
        "spec": {"restartPolicy": "Never", "containers": [CONTAINER], **(pod or {})},
    }
    meta = {"name": spec.pop("name", "j"), "namespace": "default", "uid": "u-1", **spec.pop("meta", {})}
    doc = {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"template": template, **spec}}
    job = codec.from_dict(doc)
    assert isinstance(job, Job)
    return job


def admission() -> Admission:
    return Admission(Gates(), strict=False, suffix=lambda: "abcde")


def created(job: Job) -> Job:
    stored = admission().admit_create(job, EMPTY)
    assert isinstance(stored, Job)
    return stored


def refused(job: Job) -> list[str]:
    with pytest.raises(ApiError) as caught:
        created(job)
    assert caught.value.code == 422
    return list(caught.value.causes)


# --- defaults and generated parts --------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, {"parallelism": 1, "completions": 1, "backoff_limit": 6, "completion_mode": "NonIndexed"}),
        ({"completions": 3}, {"parallelism": 1, "completions": 3}),
        ({"parallelism": 3}, {"parallelism": 3, "completions": None}),
        (
            {"completionMode": "Indexed", "completions": 1, "backoffLimitPerIndex": 1},
            {"backoff_limit": 2**31 - 1},
        ),
        ({}, {"suspend": False, "manual_selector": False, "pod_replacement_policy": "TerminatingOrFailed"}),
        ({"podFailurePolicy": {"rules": []}}, {"pod_replacement_policy": "Failed"}),
    ],
)
def test_defaults(spec: dict[str, Any], expected: dict[str, Any]) -> None:
    """K-JOB-01."""
    stored = created(make(**spec)).spec
    assert {field: getattr(stored, field) for field in expected} == expected


def test_a_condition_without_status_means_true() -> None:
    rules = [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]
    policy = created(make(podFailurePolicy={"rules": rules})).spec.pod_failure_policy
    assert policy is not None
    assert policy.rules[0].on_pod_conditions[0].status == "True"


GENERATED = {
    "job-name": "j",
    "batch.kubernetes.io/job-name": "j",
    "controller-uid": "u-1",
    "batch.kubernetes.io/controller-uid": "u-1",
}


def test_labels_and_selector_are_generated() -> None:
    """K-JOB-02; a Job without labels takes those of its template."""
    stored = created(make(labels={"a": "b"}))
    assert stored.spec.template.metadata.labels == {**GENERATED, "a": "b"}
    assert stored.metadata.labels == {**GENERATED, "a": "b"}
    assert stored.spec.selector is not None
    assert stored.spec.selector.match_labels == {"batch.kubernetes.io/controller-uid": "u-1"}
    assert created(make(meta={"labels": {"x": "y"}})).metadata.labels == {"x": "y"}
    assert created(make()).metadata.labels == GENERATED


def test_a_manual_selector_is_left_alone() -> None:
    stored = created(make(labels={"a": "b"}, manualSelector=True, selector={"matchLabels": {"a": "b"}}))
    assert stored.spec.template.metadata.labels == {"a": "b"}


def test_a_new_job_has_no_status() -> None:
    job = make()
    assert created(replace(job, status=replace(job.status, active=3))).status.active == 0


# --- refusals ----------------------------------------------------------------------------------

NOT_NEGATIVE = "must be greater than or equal to 0"
ONE_CODE = {"operator": "In", "values": [1]}
INDEXED = {"completionMode": "Indexed"}


def failing(**rule: Any) -> dict[str, Any]:
    return {"podFailurePolicy": {"rules": [{"action": "FailJob", **rule}]}}


def succeeding(*rules: dict[str, Any]) -> dict[str, Any]:
    return {**INDEXED, "completions": 5, "successPolicy": {"rules": list(rules)}}


REFUSALS: dict[str, dict[str, Any]] = {
    "negative sizes": {"parallelism": -1, "completions": -1},
    "negative times": {"activeDeadlineSeconds": -1, "ttlSecondsAfterFinished": -1},
    "negative limits": {**INDEXED, "completions": 1, "backoffLimit": -1, "backoffLimitPerIndex": -1},
    "maxFailedIndexes alone": {"maxFailedIndexes": 1},
    "managedBy without a path": {"managedBy": "a"},
    "managedBy too long": {"managedBy": "a.b/" + "c" * 60},
    "no such mode": {"completionMode": "Odd"},
    "Indexed without completions": {**INDEXED, "parallelism": 1},
    "Indexed and wide": {**INDEXED, "completions": 1, "parallelism": 100_001},
    "more failed indexes than indexes": {
        **INDEXED, "completions": 1, "backoffLimitPerIndex": 1, "maxFailedIndexes": 2,
    },
    "many completions": {**INDEXED, "completions": 200_000, "backoffLimitPerIndex": 1},
    "many completions and too wide": {
        **INDEXED, "completions": 200_000, "backoffLimitPerIndex": 1,
        "maxFailedIndexes": 100_001, "parallelism": 20_000,
    },
    "hostnames that are no labels": {"name": "j.k", **INDEXED, "completions": 2},
    "no such replacement": {"podReplacementPolicy": "Odd"},
    "restart always": {"pod": {"restartPolicy": "Always"}},
    "no such restart policy": {"pod": {"restartPolicy": "Odd"}},
    "manual without a selector": {"manualSelector": True},
    "ephemeral containers": {"pod": {"ephemeralContainers": [CONTAINER]}},
    "rule without a condition": failing(),
    "rule with both conditions": failing(onExitCodes=ONE_CODE, onPodConditions=[{"type": "a"}]),
    "rule without action": failing(action="", onExitCodes=ONE_CODE),
    "no such action": failing(action="Odd", onExitCodes=ONE_CODE),
    "FailIndex without a limit per index": failing(action="FailIndex", onExitCodes=ONE_CODE),
    "exit codes without anything": failing(onExitCodes={}),
    "no such operator": failing(onExitCodes={"operator": "Odd", "values": [1]}),
    "zero, twice, unordered": failing(onExitCodes={"operator": "In", "values": [0, 2, 1, 1]}),
    "too many exit codes": failing(onExitCodes={"operator": "In", "values": list(range(1, 258))}),
    "no such container": failing(onExitCodes={**ONE_CODE, "containerName": "q"}),
    "no such condition status": failing(onPodConditions=[{"type": "a", "status": "Odd"}]),
    "too many conditions": failing(onPodConditions=[{"type": "a"}] * 21),
    "too many rules": {"podFailurePolicy": {"rules": [{"action": "Ignore", "onExitCodes": ONE_CODE}] * 21}},
    "rules with restarts": {**failing(onExitCodes=ONE_CODE), "pod": {"restartPolicy": "OnFailure"}},
    "rules with early replacement": {
        **failing(onExitCodes=ONE_CODE), "podReplacementPolicy": "TerminatingOrFailed",
    },
    "success without rules": succeeding(),
    "success without a criterion": succeeding({}),
    "too many success rules": succeeding(*[{"succeededCount": 1}] * 21),
    "success index too high": succeeding({"succeededIndexes": "0-9"}),
    "more successes than indexes": succeeding({"succeededIndexes": "0", "succeededCount": 2}),
    "negative successes": succeeding({"succeededCount": -1}),
    "more successes than completions": succeeding({"succeededCount": 9}),
    "success policy without indexes": {"successPolicy": {"rules": [{"succeededCount": 1}]}},
}  # fmt: skip


def test_refusals(golden: Callable[[str, str], None]) -> None:
    """K-JOB-04; the texts are kube-apiserver's own."""
    lines = []
    for name, spec in REFUSALS.items():
        lines += [name, *(f"  {text}" for text in refused(make(**spec)))]
    golden("job_refusals", "\n".join(lines))


def test_labels_that_clash_with_generated_ones() -> None:
    shown = (
        '{"batch.kubernetes.io/controller-uid":"u-1","batch.kubernetes.io/job-name":"j",'
        '"controller-uid":"u-1","job-name":"x"}'
    )
    assert refused(make(labels={"job-name": "x"})) == [
        f"spec.template.metadata.labels[job-name]: Invalid value: {shown}: must be 'j'"
    ]
    texts = refused(make(selector={"matchLabels": {"a": "b"}}))
    assert texts[0].endswith("`selector` not auto-generated")
    assert texts[1].endswith("`selector` does not match template `labels`")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1-2-3", "at most two parts separated by '-'"),
        ("a", 'cannot convert string to integer for index: "a"'),
        ("2-1", "non-increasing order, previous: 2, current: 1"),
        ("2,1", "non-increasing order, previous: 2, current: 1"),
        ("9", 'too large index: "9"'),
    ],
)
def test_index_lists(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        count_indexes(text, 5)
    assert count_indexes("0,2-4", 5) == 4
    assert count_indexes("", 5) == 0


def test_overlapping_index_lists() -> None:
    assert overlap("0-2,5", "2,7", 9) == 2
    assert overlap("0,3-4", "1-2,5,x", 9) is None
    assert overlap("", "1", 9) is None


# --- updates -----------------------------------------------------------------------------------


def change(job: Job, **changes: Any) -> Job:
    return replace(job, spec=replace(job.spec, **changes))


def update_errors(new: Job, old: Job) -> list[str]:
    try:
        admission().admit_update(new, old, EMPTY)
    except ApiError as err:
        return list(err.causes)
    return []


OLD = created(make(completionMode="Indexed", completions=2, parallelism=2, suspend=True))
POD = OLD.spec.template


@pytest.mark.parametrize(
    ("changes", "starts"),
    [
        ({"parallelism": 5, "suspend": False, "backoff_limit": 9, "active_deadline_seconds": 3}, []),
        ({"ttl_seconds_after_finished": 5, "pod_replacement_policy": "Failed"}, []),
        ({"parallelism": -1}, [f"spec.parallelism: Invalid value: -1: {NOT_NEGATIVE}"]),
        (
            {"completions": 3},
            ["spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism"],
        ),
        ({"completions": 3, "parallelism": 3}, []),
        (
            {"completion_mode": "NonIndexed"},
            ['spec.completionMode: Invalid value: "NonIndexed": field is immutable'],
        ),
        ({"managed_by": "a.b/c"}, ['spec.managedBy: Invalid value: "a.b/c": field is immutable']),
        ({"backoff_limit_per_index": 1}, ["spec.backoffLimitPerIndex: Invalid value: 1: field is immutable"]),
    ],
)
def test_updates(changes: dict[str, Any], starts: list[str]) -> None:
    """K-JOB-05, K-JOB-85."""
    assert update_errors(change(OLD, **changes), OLD) == starts


def test_a_template_may_change_only_while_nothing_runs() -> None:
    """K-JOB-81, C-SUS-10: scheduling directives, labels and resources, of suspended Jobs without pods."""
    directed = change(OLD, template=replace(POD, spec=replace(POD.spec, node_selector={"a": "b"})))
    image = replace(POD.spec.containers[0], image="other")
    other = change(OLD, template=replace(POD, spec=replace(POD.spec, containers=(image,))))
    started = replace(OLD, status=replace(OLD.status, active=1))
    assert update_errors(directed, OLD) == []
    assert update_errors(change(directed, suspend=False), OLD) == []
    assert update_errors(directed, change(OLD, suspend=False))[0].startswith("spec.template: Invalid value")
    assert update_errors(directed, started)[0].startswith("spec.template: Invalid value")
    assert update_errors(other, OLD)[0].startswith("spec.template.spec: Invalid value")


def test_resources_and_node_affinity_may_change_too() -> None:
    more = replace(
        POD.spec.containers[0], resources=replace(POD.spec.containers[0].resources, requests={"cpu": "2"})
    )
    pod = replace(POD.spec, containers=(more,))
    affinity = {
        "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {}}]}
    }
    placed = make(pod={"affinity": affinity}).spec.template.spec.affinity
    assert update_errors(change(OLD, template=replace(POD, spec=replace(pod, affinity=placed))), OLD) == []
    with_affinity = change(OLD, template=replace(POD, spec=replace(POD.spec, affinity=placed)))
    assert update_errors(OLD, with_affinity) == []


def test_a_changed_template_is_validated() -> None:
    bad = change(OLD, template=replace(POD, spec=replace(POD.spec, node_selector={"a b": "c"})))
    assert update_errors(bad, OLD)[0].startswith('spec.template.spec.nodeSelector: Invalid value: "a b"')


def test_only_metadata() -> None:
    assert update_errors(OLD.with_meta(labels={"a": "b"}, finalizers=("x/y",)), OLD) == []
    assert update_errors(OLD.with_meta(labels={"a": "b c"}), OLD)[0].startswith(
        "metadata.labels: Invalid value"
    )


# --- one memory, no difference -----------------------------------------------------------------


def test_remembered_templates_change_no_answer() -> None:
    jobs = [
        make(name="a"), make(name="b"), make(name="c", pod={"containers": []}), make(name="d"),
        make(name="e", pod={"hostname": "A"}), make(name="f", pod={"containers": []}),
    ]  # fmt: skip
    chain = admission()

    def answer(chain: Admission, job: Job) -> object:
        try:
            return chain.admit_create(job, EMPTY)
        except ApiError as err:
            return err.causes

    assert [answer(chain, job) for job in jobs * 2] == [answer(admission(), job) for job in jobs * 2]
