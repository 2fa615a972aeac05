"""What a pod asks for as a whole: defaults from limits and containers, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from jobsim.api import codec
from tests.controllers.admission.test_pod import created, make, refused


def container(name: str, **resources: dict[str, str]) -> dict[str, Any]:
    return {"name": name, "image": "i", "resources": resources}


QUARTERS = [container(name, requests={"cpu": "250m", "memory": "300M"}) for name in "ab"]
BIG_STEP = container("i", requests={"memory": "4Gi"})
SIDECAR = {**container("s", requests={"cpu": "1500m"}), "restartPolicy": "Always"}
HUGE = container("h", limits={"hugepages-2Mi": "2Mi", "memory": "64Mi"})


@pytest.mark.parametrize(
    ("whole", "containers", "init", "stored"),
    [
        (
            {"limits": {"cpu": 2, "memory": "1Gi"}},
            QUARTERS,
            [],
            {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "600M"}},
        ),
        (
            {"limits": {"cpu": "2"}},
            QUARTERS,
            [BIG_STEP],
            {"limits": {"cpu": "2"}, "requests": {"cpu": "500m", "memory": "4Gi"}},
        ),
        (
            {"limits": {"cpu": "2"}, "requests": {"cpu": 1}},
            [container("a")],
            [],
            {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}},
        ),
        ({"requests": {"memory": "1Gi"}}, [container("a")], [], {"requests": {"memory": "1Gi"}}),
        (
            {"limits": {"cpu": "2"}},
            [HUGE],
            [SIDECAR],
            {
                "limits": {"cpu": "2", "hugepages-2Mi": "2Mi"},
                "requests": {"cpu": "1500m", "hugepages-2Mi": "2Mi", "memory": "64Mi"},
            },
        ),
        ({}, QUARTERS, [], {}),
    ],
    ids=["sums", "the largest step", "its own request", "no limits", "huge pages", "nothing"],
)
def test_defaults(
    whole: dict[str, Any], containers: list[Any], init: list[Any], stored: dict[str, Any]
) -> None:
    pod = created(make(containers=containers, initContainers=init, resources=whole))
    assert codec.to_data(pod.spec.resources) == stored
    # The whole alone decides the class, even where it says nothing.
    assert pod.status.qos_class == ("Burstable" if stored else "BestEffort")


@pytest.mark.parametrize(
    ("whole", "containers", "message"),
    [
        (
            {"requests": {"cpu": "250m"}},
            QUARTERS,
            'requests[cpu]: Invalid value: "250m": must be greater than or equal to aggregate container '
            "requests of 500m",
        ),
        (
            {"limits": {"memory": "100Mi"}},
            [container("a", limits={"memory": "1Gi"}, requests={"memory": "1Mi"})],
            'containers[0][memory].limits: Invalid value: "1Gi": must be less than or equal to pod limits '
            "of 100Mi",
        ),
        (
            {"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "1"}},
            [container("a")],
            'limits[nvidia.com/gpu]: Unsupported value: "nvidia.com/gpu": supported values: "cpu", '
            '"hugepages-", "memory"',
        ),
        (
            {"requests": {"cpu": "3"}, "limits": {"cpu": "2"}},
            [container("a")],
            'requests: Invalid value: "3": must be less than or equal to cpu limit of 2',
        ),
        (
            {"requests": {"cpu": "-1"}},
            [container("a")],
            'requests[cpu]: Invalid value: "-1": must be greater than or equal to 0',
        ),
        (
            {"claims": [{"name": "c"}]},
            [container("a")],
            "claims: Forbidden: claims may not be set for Resources at pod-level",
        ),
    ],
)
def test_refusals(whole: dict[str, Any], containers: list[Any], message: str) -> None:
    assert f"spec.resources.{message}" in refused(make(containers=containers, resources=whole)).message
