"""Hypothesis strategies: whole Scenarios as plain data, and the faults that may befall one.

The faults pass: what they do wrong ends, so a run comes to the same end as without them, only later.
``scenarios`` leave out what races with a failure (``strategies.scripted``), so that the end is one.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from jobsim.testing.machine_course import RACK
from jobsim.testing.strategies import Document, scripted, usual_gates

#: Who may crash, and who has a cache that may be stale.
COMPONENTS = (
    *("jobset", "job", "scheduler", "kubelet", "garbage-collector"),
    *(
        "node-controller",
        "taint-eviction-controller",
        "disruption-controller",
        "pod-gc",
        "ttl-after-finished",
    ),
)
#: Most of what happens is theirs.
BUSY = COMPONENTS[:5]
_VERBS = ("create", "update-status", "patch-status", "patch", "delete", "bind", "update")
_ERRORS = ("Conflict", "InternalError", "TooManyRequests", "Timeout")
_KINDS = ("JobSet", "Job", "Pod", "Node")
#: When faults begin, s: in the first two minutes, in which most of a small run happens.
_AT = st.integers(0, 120)


@st.composite
def _errors(draw: DrawFn) -> Document:
    error = draw(st.sampled_from(_ERRORS))
    on: Document = {}
    if draw(st.booleans()):
        on["component"] = draw(st.sampled_from(BUSY))
    if draw(st.booleans()):
        on["verb"] = draw(st.sampled_from(_VERBS))
    often = st.sampled_from([("probability", 0.05), ("probability", 0.3)])
    key, value = draw(st.one_of(often, st.tuples(st.just("nth"), st.integers(1, 12))))
    fault: Document = {"error": error, key: value}
    if on:
        fault["on"] = on
    if error == "Timeout" and draw(st.booleans()):
        fault["applied"] = True
    return fault


@st.composite
def _stale(draw: DrawFn) -> Document:
    window = {"at": draw(_AT), "for": draw(st.integers(1, 40))}
    component, kind = draw(st.sampled_from(BUSY)), draw(st.sampled_from(_KINDS))
    return {"stale": {"component": component, "kind": kind, **window}}


@st.composite
def _crashes(draw: DrawFn) -> Document:
    key, value = draw(
        st.one_of(st.tuples(st.just("at"), _AT), st.tuples(st.just("afterWrite"), st.integers(1, 4)))
    )
    down = draw(st.sampled_from([0, 0, 5, 30]))
    return {"crash": {"component": draw(st.sampled_from(COMPONENTS)), key: value, "down": down}}


def faults(most: int = 4) -> SearchStrategy[list[Document]]:
    """Return sections ``faults`` of at least one fault that passes."""
    return st.lists(st.one_of(_errors(), _stale(), _crashes()), min_size=1, max_size=most)


@st.composite
def scenarios(draw: DrawFn) -> Document:
    """Draw a Scenario with faults, whose end does not depend on them."""
    case = draw(scripted(usual_gates()))
    gates = {"ElasticJobSet": case.gates.elastic_jobset}
    shape = {"cpu": 8, "memory": "64Gi", "pods": 20}
    control: Document = {}
    if draw(st.booleans()):
        control["api"] = {"latency": draw(st.sampled_from(["5ms", "200ms"]))}
    if draw(st.booleans()):
        control["watchLag"] = {draw(st.sampled_from(BUSY)): draw(st.sampled_from(["10ms", "2s"]))}
    failing = [_failing(place) for place in case.script]
    usual = {"match": {}, "start": draw(st.sampled_from([0, 1])), "run": "20s", "stop": "1s"}
    return {
        "seed": draw(st.integers(0, 3)),
        "until": "2h",
        "jobset": {"version": case.gates.version, "gates": gates},
        "manifests": [{"object": case.manifest}],
        "fleet": [{"pool": "n", "shape": shape, "racks": 2, "nodesPerRack": 2, "rackLabels": [RACK]}],
        "pods": [*failing, usual],
        "control": control,
        "faults": draw(faults()),
    }


def _failing(place: str) -> dict[str, Any]:
    """Return the rule of a pod that fails: ``job/index/attempt``."""
    job, index, attempt = place.split("/")
    jobset, rjob, job_index = job.rsplit("-", 2)
    match = {"jobset": jobset, "replicatedJob": rjob, "jobIndex": int(job_index), "index": int(index)}
    return {"match": {**match, "attempt": int(attempt)}, "run": "5s", "exit": 1}
