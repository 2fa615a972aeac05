"""kubectl describe, page by page; the golden pages agree with kubectl v1.32 on the same objects.

They differ from its output in the Lease line of a node, which is not simulated, and in zero-valued
fields that a JobSet written by a Go client does not carry.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from jobsim.api._struct import Time, replace
from jobsim.api.codec import from_dict
from jobsim.api.core import Event
from jobsim.api.meta import Object
from jobsim.api.pod import Pod
from jobsim.results.describe import describe, spelled
from jobsim.results.describe_pod import qos_class
from jobsim.results.page import about, date
from jobsim.units import DAY, HOUR, SECOND, seconds
from tests.conftest import golden
from tests.results.conftest import NOW, at, made

OBJECTS = [from_dict(doc) for doc in json.loads(Path(__file__).with_name("described.json").read_text())]
EVENTS = [obj for obj in OBJECTS if isinstance(obj, Event)]
OTHERS = [obj for obj in OBJECTS if not isinstance(obj, Event)]


class Cluster:
    """A reader of a fixed set of objects."""

    def get(self, kind: type[Any], namespace: str, name: str) -> Any:
        return next((o for o in self.list(kind, namespace) if o.name == name), None)

    def list(self, kind: type[Any], namespace: str | None = None) -> Sequence[Any]:
        found = (o for o in OBJECTS if isinstance(o, kind) and namespace in (None, o.namespace))
        return sorted(found, key=lambda o: o.key)

    def by_index(self, kind: type[Any], index: str, value: str) -> Sequence[Any]:
        raise AssertionError("describe looks nothing up by index")

    def dependents(self, uid: str) -> Sequence[Object]:
        raise AssertionError("describe follows no owners")


@pytest.mark.parametrize("obj", OTHERS, ids=lambda obj: f"{obj.kind}-{obj.name}")
def test_page(obj: Object) -> None:
    golden(f"describe-{obj.kind.lower()}-{obj.name}", describe(obj, Cluster(), EVENTS, NOW))


def test_a_kind_without_a_page_of_its_own_shows_all_fields() -> None:
    doc = made("ConfigMap", "c", data={"k": "v", "listOf": [1, {"a": True}], "no": None})
    assert describe(doc, Cluster(), [], NOW) == (
        "Name:         c\n"
        "Namespace:    default\n"
        "Labels:       <none>\n"
        "Annotations:  <none>\n"
        "API Version:  v1\n"
        "Data:\n"
        "  K:  v\n"
        "  List Of:\n"
        "    1\n"
        "    A:  true\n"
        "Kind:   ConfigMap\n"
        "Metadata:\n"
        "  Creation Timestamp:  2026-01-05T00:30:00Z\n"
        "Events:                <none>\n"
    )


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("enableDNSHostnames", "Enable DNS Hostnames"),
        ("uid", "UID"),
        ("apiVersion", "API Version"),
        ("nvidia.com/gpu", "nvidia.com/gpu"),
        ("key2", "key2"),
        ("a-b", "A - B"),
        ("replicatedJobsStatus", "Replicated Jobs Status"),
        ("podIP", "Pod IP"),
    ],
)
def test_spelled(field: str, words: str) -> None:
    assert spelled(field) == words


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, "Mon, 05 Jan 2026 00:00:00 +0000"),
        (3 * DAY + 5 * HOUR + 61 * SECOND + 7, "Thu, 08 Jan 2026 05:01:01 +0000"),
        (54 * DAY, "Sat, 28 Feb 2026 00:00:00 +0000"),
        (-DAY, "Sun, 04 Jan 2026 00:00:00 +0000"),
        (None, "Mon, 01 Jan 0001 00:00:00 +0000"),
    ],
)
def test_date(time: int | None, text: str) -> None:
    assert date(time) == text


def event(**parts: Any) -> Event:
    about_pod = {"kind": "Pod", "name": "p", "namespace": "default", "uid": "u1", **parts}
    found = made("Event", "e", involvedObject=about_pod, firstTimestamp=at(0), message="m\ttab")
    assert isinstance(found, Event)
    return found


@pytest.mark.parametrize(
    ("given", "is_about"),
    [
        (event(), True),
        (event(uid=""), True),
        (event(uid="u0"), False),
        (event(name="q"), False),
        (event(kind="Job"), False),
        (event(namespace="ml"), False),
        (event(namespace=""), True),
    ],
)
def test_about(given: Event, is_about: bool) -> None:
    pod = made("Pod", "p", metadata={"uid": "u1"})
    assert (about(pod, [given]) == [given]) == is_about


def test_events_stand_in_the_order_of_their_last_sight() -> None:
    late = replace(event(), reason="Late", last_timestamp=Time(seconds(3590)), count=2)
    early = replace(event(), reason="Early", type="Warning", source={"component": "x"})
    page = describe(made("Pod", "p"), Cluster(), [late, early], NOW)
    assert page.partition("Events:\n")[2] == (
        "  Type     Reason  Age                From  Message\n"
        "  ----     ------  ----               ----  -------\n"
        "  Warning  Early   60m                x     m tab\n"
        "           Late    10s (x2 over 60m)        m tab\n"
    )


RESOURCES: list[tuple[dict[str, Any], str]] = [
    ({}, "BestEffort"),
    ({"requests": {"memory": "1G"}}, "Burstable"),
    ({"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}, "Burstable"),
    ({"limits": {"cpu": "1", "memory": "1G"}, "requests": {"cpu": "1000m", "memory": "1000M"}}, "Guaranteed"),
    ({"limits": {"cpu": "2", "memory": "1G"}, "requests": {"cpu": "1", "memory": "1G"}}, "Burstable"),
    ({"limits": {"nvidia.com/gpu": "8"}, "requests": {"nvidia.com/gpu": "8"}}, "BestEffort"),
]


@pytest.mark.parametrize(("resources", "expected"), RESOURCES)
def test_qos_class(resources: dict[str, Any], expected: str) -> None:
    pod = made("Pod", "p", spec={"containers": [{"name": "c", "resources": resources}]})
    assert isinstance(pod, Pod)
    assert qos_class(pod) == expected


def test_what_users_write_cannot_break_columns_or_command_a_terminal() -> None:
    hostile = "a\tb\x1b[31m"
    pod = made(
        "Pod",
        "p",
        metadata={"annotations": {"k": hostile}},
        spec={
            "containers": [
                {
                    "name": "c",
                    "command": [hostile],
                    "env": [{"name": "E", "value": hostile}],
                    "image": hostile,
                }
            ]
        },
        status={"message": hostile},
    )
    page = describe(pod, Cluster(), [], NOW)
    assert "\x1b" not in page
    assert page.count("a b^[[31m") == 5
