"""Accelerators among the extended resources of pods and nodes."""

from __future__ import annotations

from collections.abc import Mapping

from jobsim.api import quantity
from jobsim.api._struct import Quantity
from jobsim.api.pod import PodSpec

#: Last words of the resource names under which device plugins offer whole accelerators.
_WORDS = ("gpu", "tpu", "neuron", "neuroncore", "npu", "gaudi", "xpu", "accelerator")


def accelerators(resources: Mapping[str, Quantity]) -> int:
    """Return how many accelerators an amount of resources has.

    Examples
    --------
    >>> accelerators({"cpu": 96, "nvidia.com/gpu": 8, "vpc.amazonaws.com/efa": 32})
    8
    """
    names = (name for name in resources if "/" in name and name.rpartition("/")[2] in _WORDS)
    return sum(quantity.parse(resources[name]) // quantity.NANO for name in names)


def of_pod(spec: PodSpec) -> int:
    """Return how many accelerators a pod asks for (extended resources: requests equal limits)."""
    return sum(accelerators({**c.resources.requests, **c.resources.limits}) for c in spec.containers)
