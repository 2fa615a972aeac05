"""The kinds that jobsim simulates, with kubectl's names for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from jobsim.api.batch import Job
from jobsim.api.core import Event, Namespace, Node, PodDisruptionBudget, PriorityClass, Service
from jobsim.api.jobset import JobSet
from jobsim.api.meta import Object
from jobsim.api.pod import Pod
from jobsim.api.volume import PersistentVolumeClaim


class KindInfo(NamedTuple):
    type: type[Object]
    plural: str
    namespaced: bool
    short: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return self.type.KIND

    @property
    def group(self) -> str:
        return self.type.API_VERSION.rpartition("/")[0]

    @property
    def resource(self) -> str:
        """The resource with its group, as in the API server's texts: ``jobs.batch``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


KINDS: Mapping[str, KindInfo] = {
    info.kind: info
    for info in (
        KindInfo(JobSet, "jobsets", True, ("js",)),
        KindInfo(Job, "jobs", True),
        KindInfo(Pod, "pods", True, ("po",)),
        KindInfo(Node, "nodes", False, ("no",)),
        KindInfo(Service, "services", True, ("svc",)),
        KindInfo(PersistentVolumeClaim, "persistentvolumeclaims", True, ("pvc",)),
        KindInfo(PriorityClass, "priorityclasses", False, ("pc",)),
        KindInfo(Event, "events", True, ("ev",)),
        KindInfo(PodDisruptionBudget, "poddisruptionbudgets", True, ("pdb",)),
        KindInfo(Namespace, "namespaces", False, ("ns",)),
    )
}

#: Cluster-scoped kinds that occur in manifests without being simulated.
CLUSTER_SCOPED = frozenset(
    {
        "APIService",
        "AdmissionCheck",
        "ClusterQueue",
        "ClusterRole",
        "ClusterRoleBinding",
        "Cohort",
        "CustomResourceDefinition",
        "DeviceClass",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "ResourceFlavor",
        "ResourceSlice",
        "RuntimeClass",
        "StorageClass",
        "Topology",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "WorkloadPriorityClass",
    }
)


def namespaced(kind: str) -> bool:
    """Tell whether objects of a kind live in a namespace (unknown kinds do)."""
    return kind not in CLUSTER_SCOPED


def resource_of(kind: str) -> str:
    """Return ``jobs.batch`` for Job; a lower-case plural guess for a kind that is not typed."""
    info = KINDS.get(kind)
    return info.resource if info else kind.lower() + "s"


def find_kind(word: str) -> KindInfo | None:
    """Return the kind that a kubectl user means by a word (kind, plural, singular, short name)."""
    lowered = word.lower().partition(".")[0]
    for info in KINDS.values():
        if lowered in (info.kind.lower(), info.plural, *info.short):
            return info
    return None
