"""The cluster at a time: a fold over the log, kubectl's words for kinds, events in series."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import jobsim
from jobsim.api.core import Event
from jobsim.moment import STORED, Moment
from jobsim.results.log import Log, RowEncoder
from jobsim.units import SECOND
from tests.results.story import Story

SCENARIO = Path(__file__).resolve().parents[1] / "scenarios/one-pod-fails.yaml"


@pytest.fixture(scope="module")
def run() -> jobsim.Run:
    return jobsim.run(SCENARIO)


def test_the_end_is_what_the_cluster_was_left_as(run: jobsim.Run) -> None:
    """The fold of the log and the store agree, object by object."""
    moment = run.at()
    for kind in moment.reader.kinds():
        if kind == "Event":
            continue
        left = run.reader.list_kind(kind, None)
        assert list(moment.objects(kind)) == list(left), kind


def test_changes_of_the_very_instant_are_in(run: jobsim.Run) -> None:
    failed = [o.name for o in run.at(600).get("pods") if o.status.phase == "Failed"]
    assert len(failed) == 1
    assert not [o for o in run.at(599.999999999).get("pods") if o.status.phase == "Failed"]


def test_nothing_is_there_before_the_start_but_time_0_is() -> None:
    rows = [{"note": "x", "time": 5}]
    assert not Moment(rows, 0).reader.kinds()


#: What a user types, and the kind.
WORDS = {
    **dict.fromkeys(("pod", "pods", "po", "Pod", "PODS"), "Pod"),
    **dict.fromkeys(("js", "jobset", "jobsets", "jobsets.jobset.x-k8s.io", "jobset.v1alpha2"), "JobSet"),
    **dict.fromkeys(("no", "nodes"), "Node"),
    **dict.fromkeys(("cm", "configmap", "configmaps", "ConfigMap"), "ConfigMap"),
    **dict.fromkeys(("storageclasses", "sc"), "StorageClass"),
    **dict.fromkeys(("widget", "widgets", "widgets.example.com"), "Widget"),
    **dict.fromkeys(("gateways", "policies"), ""),
    "networkpolicies": "NetworkPolicy",
    "": "",
}


@pytest.fixture(scope="module")
def widgets() -> Moment:
    """A cluster with objects of kinds that nobody knows."""
    things = [
        {"apiVersion": "example.com/v1", "kind": kind, "metadata": {"name": "w", "namespace": "team"}}
        for kind in ("Widget", "NetworkPolicy")
    ]
    return jobsim.run(jobsim.Scenario(manifests=things)).at()


@pytest.mark.parametrize("word", WORDS)
def test_words_for_kinds(widgets: Moment, word: str) -> None:
    assert widgets.kind(word) == WORDS[word]


def test_short_names_mean_one_kind_each() -> None:
    short = [name for name in STORED.values() if name]
    assert len(set(short)) == len(short)


def test_get_filters_by_name_and_namespace(widgets: Moment) -> None:
    assert [o.name for o in widgets.get("widgets", "w", "team")] == ["w"]
    assert not widgets.get("widgets", "x")
    assert not widgets.get("widgets", namespace="default")
    assert repr(widgets.get("widgets")) == "NAME   AGE\nw      0s\n"


def event(time: int, message: str = "m", component: str = "job") -> dict[str, Any]:
    about = {"kind": "Job", "namespace": "team", "name": "j"}
    fields = {"type": "Normal", "reason": "R", "message": message, "component": component, "about": about}
    return {"note": "event", "time": time, **fields}


def test_events_of_one_message_are_one_series() -> None:
    """client-go's correlator: same object, reason and message count up."""
    rows = [event(1 * SECOND), event(int(2.7 * SECOND)), event(3 * SECOND, "other"), event(9 * SECOND)]
    moment = Moment(rows, 5 * SECOND)
    events = [e for e in moment.objects("Event") if isinstance(e, Event)]
    assert [(e.message, e.count, e.first_timestamp, e.last_timestamp) for e in events] == [
        ("m", 2, 1 * SECOND, 2 * SECOND),
        ("other", 1, 3 * SECOND, 3 * SECOND),
    ]
    assert {e.namespace for e in events} == {"team"}
    assert len({e.name for e in events}) == 2


def test_events_about_an_object() -> None:
    story = Story()
    story.jobset("train")
    encoder = RowEncoder()
    log = Log()
    for change in story.events:
        log.append(encoder.watch(change))
    rows: Iterator[dict[str, Any]] = log.rows()
    about = {"kind": "JobSet", "namespace": "default", "name": "train"}
    moment = Moment([*rows, {**event(SECOND), "about": about}, event(SECOND)], SECOND)
    [jobset] = moment.get("js")
    assert [e.involved_object.name for e in moment.events_about(jobset)] == ["train"]
    assert "Reason" in moment.describe(jobset)
