"""Creating pods: built-in admission plugins, webhooks, validation; fast for pods of one template.

Pods of one owner differ in name, labels and hostname alone, so what the spec decides is worked out
once and remembered on the object (``_Prepared``).

Order as upstream: ServiceAccount, Priority, DefaultTolerationSeconds, mutating webhook, validation,
validating webhook.  Differs: what a webhook adds is not validated.

Source: kubernetes pkg/kubeapiserver/options/plugins.go, plugin/pkg/admission/{priority,serviceaccount}.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from jobsim.api import names
from jobsim.api._struct import replace
from jobsim.api.core import PriorityClass
from jobsim.api.field import FieldError, invalid
from jobsim.api.jobset import EXCLUSIVE_TOPOLOGY
from jobsim.api.meta import Object, ObjectMeta
from jobsim.api.pod import Affinity, Pod, PodSpec, PodStatus
from jobsim.api.reader import Reader
from jobsim.api.timing import DEFAULT_TOLERATION_S
from jobsim.apiserver.schema_errors import denied, invalid_object
from jobsim.apiserver.schema_meta import Known, check_meta
from jobsim.controllers.admission import pod_webhook
from jobsim.controllers.admission.label_keys import asks_by_label_keys, with_label_keys
from jobsim.controllers.admission.pod import new_status, pod_defaults, template_defaults, with_token
from jobsim.controllers.admission.pod_validate import pod_errors
from jobsim.controllers.admission.pod_validate_scheduling import affinity_errors
from jobsim.controllers.admission.references import RuntimeClass, ServiceAccount, references
from jobsim.controllers.jobset.gates import Gates
from jobsim.errors import ApiError

#: Priorities of the two classes that every cluster has.
SYSTEM_CLASSES: Mapping[str, int] = {
    "system-cluster-critical": 2_000_000_000,
    "system-node-critical": 2_000_001_000,
}
DEFAULT_POLICY = "PreemptLowerPriority"
_OWNERS_MAX = 1_000

#: Takes a kind and a name of something that is taken as existing.
Assume = Callable[[str, str], None]


class _Prepared(NamedTuple):
    """What one spec (hostname apart) and one priority class lead to."""

    asked: PodSpec
    priority_class: PriorityClass | None
    spec: PodSpec
    status: PodStatus
    errors: tuple[FieldError, ...]
    by_label_keys: bool


class PodAdmission:
    """The admission of new pods (parameters: see ``pipeline.Admission``)."""

    def __init__(
        self,
        gates: Gates,
        known: Known,
        *,
        strict: bool,
        suffix: Callable[[], str],
        assume: Assume,
        toleration_s: int = DEFAULT_TOLERATION_S,
    ) -> None:
        self._toleration_s = toleration_s
        self._gates = gates
        self._known = known
        self._strict = strict
        self._suffix = suffix
        self._assume = assume
        self._prepared: dict[str, _Prepared] = {}
        self._newest: _Prepared | None = None
        #: Keys of exclusive topologies that make good terms.
        self._lawful: dict[str, None] = {}
        #: What the webhooks read, where that is not what the API server has.
        self.cache: Reader | None = None

    def create(self, pod: Pod, reader: Reader) -> Pod:
        """Return a new pod as it is to be stored.

        Raises
        ------
        ApiError
            403 or 422, in the server's words.
        """
        found = self._class_of(pod.spec.priority_class_name, reader)
        if self._strict:
            self._check_references(pod, reader)
        ready = self._prepare(pod, found, reader)
        hostname = pod.spec.hostname
        spec = replace(ready.spec, hostname=hostname) if hostname else ready.spec
        if self._strict and spec.automount_service_account_token is not False:
            spec = with_token(spec, self._suffix())
        pod = replace(pod, spec=spec, status=ready.status)
        in_jobset = pod_webhook.selected(pod)
        cache = reader if self.cache is None else self.cache
        if in_jobset:
            pod = pod_webhook.mutate(pod, cache, self._gates)
        if ready.by_label_keys:
            pod = replace(pod, spec=with_label_keys(pod.spec, pod.metadata.labels))
        errors = [*check_meta(pod.metadata, "Pod", self._known), *ready.errors]
        if in_jobset and pod.spec.affinity is not ready.spec.affinity and pod.spec.affinity is not None:
            errors += [e for e in self._added_errors(pod, pod.spec.affinity) if e not in errors]
        if hostname:
            errors += [invalid("spec.hostname", hostname, p) for p in names.dns1123_label_errors(hostname)]
        if errors:
            raise invalid_object("Pod", pod.name, errors)
        if in_jobset:
            problem = pod_webhook.validate(pod, cache, self._gates)
            if problem is not None:
                raise ApiError("Forbidden", denied("vpod.kb.io") + problem)
        if ready.status.conditions:
            return replace(pod, status=new_status(pod))
        return pod

    def _added_errors(self, pod: Pod, affinity: Affinity) -> Sequence[FieldError]:
        """Return what is wrong with terms that a webhook added: only their topology key may be."""
        key = pod.metadata.annotations.get(EXCLUSIVE_TOPOLOGY, "")
        if key not in self._lawful:
            errors = affinity_errors(affinity, "spec.affinity")
            if errors:
                return errors
            self._lawful[key] = None
        return ()

    # --- the spec ------------------------------------------------------------------------------

    def _prepare(self, pod: Pod, found: PriorityClass | None, reader: Reader) -> _Prepared:
        """Return what a spec leads to: as remembered from another pod of its owner, or anew."""
        spec = pod.spec
        if spec.hostname:
            spec = replace(spec, hostname="")
        owners = pod.metadata.owner_references
        owner = owners[0].uid if owners else ""
        ready = self._prepared.get(owner)
        if ready is not None and ready.priority_class is found and ready.asked == spec:
            if ready.asked.containers is not spec.containers:
                # Comparing with the newest copy is quick: its parts are the same objects.
                self._prepared[owner] = ready._replace(asked=spec)
            return ready
        if len(self._prepared) >= _OWNERS_MAX:
            self._prepared.clear()
        newest = self._newest
        if newest is not None and newest.priority_class is found and newest.asked == spec:
            # The Jobs of a replicated job ask for the same.
            ready = self._prepared[owner] = newest._replace(asked=spec)
            return ready
        full = self._with_priority(pod, pod_defaults(template_defaults(spec), self._toleration_s), found)
        if not self._strict:
            self._check_references(pod, reader)
        sample = replace(pod, spec=full)
        errors = tuple(pod_errors(full))
        ready = _Prepared(spec, found, full, new_status(sample), errors, asks_by_label_keys(full))
        self._prepared[owner] = self._newest = ready
        return ready

    def _check_references(self, pod: Pod, reader: Reader) -> None:
        """Refuse a pod whose account or runtime is missing, or note all that is taken as existing."""
        spec = pod.spec
        account = spec.service_account_name
        if account not in ("", "default") and reader.get(ServiceAccount, pod.namespace, account) is None:
            why = f'error looking up service account {pod.namespace}/{account}: serviceaccount "{account}" '
            self._missing(pod, "ServiceAccount", account, f"{why}not found")
        runtime = spec.runtime_class_name
        if runtime and reader.get(RuntimeClass, "", runtime) is None:
            why = f'pod rejected: RuntimeClass "{runtime}" not found'
            self._missing(pod, "RuntimeClass", runtime, why)
        if self._strict:
            return
        for ref in references(spec):
            if reader.get(ref.type, pod.namespace, ref.name) is None:
                self._assume(ref.type.KIND, ref.name)

    def _missing(self, pod: Pod, kind: str, name: str, why: str) -> None:
        if self._strict:
            raise _forbidden(pod, why)
        self._assume(kind, name)

    def _class_of(self, name: str, reader: Reader) -> PriorityClass | None:
        """Return the class of a name; of no name the global default, the lowest if there are several."""
        if name:
            return reader.get(PriorityClass, "", name)
        defaults = [c for c in reader.list(PriorityClass) if c.global_default]
        return min(defaults, key=lambda c: c.value, default=None)

    def _with_priority(self, pod: Pod, spec: PodSpec, found: PriorityClass | None) -> PodSpec:
        """Set priority and preemption policy from the pod's class (C-ENV-05)."""
        name = spec.priority_class_name
        if found is None and name in SYSTEM_CLASSES:
            found = PriorityClass(metadata=ObjectMeta(name=name), value=SYSTEM_CLASSES[name])
        if found is None and name:
            self._missing(pod, "PriorityClass", name, f"no PriorityClass with name {name} was found")
            # Taken as existing, a class is worth what the pod says, or nothing.
            found = PriorityClass(metadata=ObjectMeta(name=name), value=spec.priority or 0)
        value = found.value if found is not None else 0
        policy = (found.preemption_policy if found is not None else None) or DEFAULT_POLICY
        if spec.priority is not None and spec.priority != value:
            why = (
                f"the integer value of priority ({spec.priority}) must not be provided in pod spec; priority "
                f"admission controller computed {value} from the given PriorityClass name"
            )
            raise _forbidden(pod, why)
        if spec.preemption_policy is not None and spec.preemption_policy != policy:
            why = (
                f"the string value of PreemptionPolicy ({spec.preemption_policy}) must not be provided in "
                f"pod spec; priority admission controller computed {policy} from the given PriorityClass name"
            )
            raise _forbidden(pod, why)
        name = name or (found.name if found is not None else "")
        return replace(spec, priority=value, preemption_policy=policy, priority_class_name=name)


def _forbidden(pod: Object, why: str) -> ApiError:
    name = pod.name or pod.metadata.generate_name
    return ApiError("Forbidden", f'pods "{name}" is forbidden: {why}')
