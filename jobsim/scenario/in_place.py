"""JobSets that are to restart in place, and whose pods have nobody who would: said before a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jobsim.api import codec
from jobsim.api.jobset import JobSet
from jobsim.api.pod import PodSpec
from jobsim.scenario.manifests import Manifest
from jobsim.workload.agent import read_agent


def without_agent(manifests: Iterable[Manifest]) -> list[str]:
    """Return a sentence for each JobSet that is to restart in place and has pods without an agent."""
    found = []
    for manifest in manifests:
        if manifest.kind != JobSet.KIND or not _wants_it(manifest.data):
            continue
        try:
            jobset = codec.from_dict(manifest.data)
        except codec.DecodeError:
            # The API server will say what is wrong with it.
            continue
        if not isinstance(jobset, JobSet):
            continue
        bare = [r.name for r in jobset.spec.replicated_jobs if not _has_agent(r.template.spec.template.spec)]
        if bare:
            found.append(
                f"JobSet {jobset.name} is to restart in place, but the pods of {', '.join(bare)} have no "
                "in-place restart agent: a container that fails restarts no other pod's"
            )
    return found


def _wants_it(doc: Mapping[str, Any]) -> bool:
    spec = doc.get("spec")
    policy = spec.get("failurePolicy") if isinstance(spec, Mapping) else None
    return isinstance(policy, Mapping) and policy.get("restartStrategy") == "InPlaceRestart"


def _has_agent(spec: PodSpec) -> bool:
    return any(read_agent(c, init=False) for c in spec.containers) or any(
        read_agent(c, init=True) for c in spec.init_containers
    )
