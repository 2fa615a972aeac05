"""Admission: everything that stands between a request and the store.

``admit_manifest`` is a user's document, ``admit_create`` and ``admit_update`` are typed objects (those
of controllers, thousands a second), ``admit_status`` a status write.  What depends on a shared pod template
alone is done once and remembered on the object.

A manifest refers to things that it does not bring along (a PriorityClass, a claim).  Strict: what is
missing is missing, as in a real cluster.  Else it is taken as existing and named in ``assumed``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobsim.api import codec
from jobsim.api._struct import replace
from jobsim.api.batch import Job
from jobsim.api.core import Namespace, Node
from jobsim.api.field import FieldError, invalid
from jobsim.api.jobset import JobSet
from jobsim.api.meta import Object
from jobsim.api.pod import Pod
from jobsim.api.reader import Reader
from jobsim.api.timing import DEFAULT_TOLERATION_S
from jobsim.api.writes import Delete, Evict, Write
from jobsim.apiserver.schema_errors import Path, invalid_object
from jobsim.apiserver.schema_meta import Known, check_meta, check_meta_update, filled_update, with_name
from jobsim.controllers import disruption
from jobsim.controllers.admission import manifest, manifest_jobset
from jobsim.controllers.admission.job_admission import JobAdmission
from jobsim.controllers.admission.job_validate_status import status_errors
from jobsim.controllers.admission.namespace import new_namespace, refuse_if_immortal, refuse_if_terminating
from jobsim.controllers.admission.other_validate import object_errors, with_node_defaults
from jobsim.controllers.admission.pod_admission import PodAdmission
from jobsim.controllers.admission.references import QUEUE_LABEL, LocalQueue
from jobsim.controllers.jobset.gates import Gates
from jobsim.errors import ApiError

#: JobSet's webhooks by name: their paths; and the Service that leads to them.
WEBHOOKS = {
    "mjobset.kb.io": "mutate-jobset-x-k8s-io-v1alpha2-jobset",
    "vjobset.kb.io": "validate-jobset-x-k8s-io-v1alpha2-jobset",
    "mpod.kb.io": "mutate--v1-pod",
}
SERVICE = "jobset-webhook-service"
#: What every cluster has.
NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


class Admission:
    """The admission chain of one API server.

    Parameters
    ----------
    gates : Gates
        Of the simulated JobSet.
    strict : bool
        Whether a reference to something that is not there is an error.
    suffix : callable
        Returns the random part of a generated name.
    toleration_s : int
        How long pods tolerate a lost node that say nothing of it.

    Attributes
    ----------
    assumed : list of str
        What was taken as existing, in the order of first mention: ``PriorityClass "high"``.
    """

    def __init__(
        self,
        gates: Gates,
        *,
        strict: bool,
        suffix: Callable[[], str],
        toleration_s: int = DEFAULT_TOLERATION_S,
    ) -> None:
        self.gates = gates
        self.strict = strict
        self.suffix = suffix
        self.assumed: list[str] = []
        self._assumed: set[str] = set()
        self._up = True
        self._known = Known()
        self._jobs = JobAdmission(self._known)
        self._statuses = manifest_jobset.StatusSchema(gates)
        self._pods = PodAdmission(
            gates,
            self._known,
            strict=strict,
            suffix=suffix,
            assume=self.assume,
            toleration_s=toleration_s,
        )

    def assume(self, kind: str, name: str) -> None:
        """Note, once, that something is taken as existing."""
        text = f'{kind} "{name}"'
        if text not in self._assumed:
            self._assumed.add(text)
            self.assumed.append(text)

    def serve(self, *, up: bool) -> None:
        """Say whether JobSet's webhooks answer: without them no JobSet and no pod gets in (C-EXC-04)."""
        self._up = up

    def read_through(self, cache: Reader) -> None:
        """Let JobSet's pod webhooks read a cache, as they do upstream, not what the API server has."""
        self._pods.cache = cache

    # --- documents -----------------------------------------------------------------------------

    def admit_manifest(
        self,
        doc: Mapping[str, Any],
        reader: Reader,
        *,
        namespace: str | None = None,
        repeated: Sequence[Path] = (),
    ) -> Object:
        """Return the object that a user's document creates, accepted by the whole chain.

        A JobSet comes back as it would be stored.  Jobs and Pods come back as decoded, with their
        name: what the server adds needs the UID that only creation gives (``Server.create``).

        Raises
        ------
        ApiError
            What a real API server would answer.
        """
        decoded = manifest.decode(doc, namespace, repeated)
        if decoded["kind"] == "JobSet":
            self._check_namespace(decoded, reader)
            self._call_webhook("mjobset.kb.io")
            jobset = manifest.as_object(
                manifest_jobset.create_jobset(decoded, reader, self.gates, self.suffix)
            )
            self._note_queue(jobset, reader)
            return jobset
        obj = with_name(manifest.as_object(manifest.without_system_meta(decoded)), self.suffix)
        self.admit_create(obj, reader)
        return obj

    def create_document(
        self,
        doc: Mapping[str, Any],
        reader: Reader,
        *,
        namespace: str | None = None,
        repeated: Sequence[Path] = (),
        uid: str = "",
    ) -> dict[str, Any]:
        """Return what the server would store for a user's document, as plain data.

        Raises
        ------
        ApiError
            What a real API server would answer.
        """
        decoded = manifest.decode(doc, namespace, repeated)
        if decoded["kind"] == "JobSet":
            self._check_namespace(decoded, reader)
            self._call_webhook("mjobset.kb.io")
            return manifest_jobset.create_jobset(decoded, reader, self.gates, self.suffix)
        obj = with_name(manifest.as_object(manifest.without_system_meta(decoded)), self.suffix)
        return codec.to_dict(self.admit_create(obj.with_meta(uid=uid), reader))

    def update_document(
        self,
        doc: Mapping[str, Any],
        old: Mapping[str, Any],
        *,
        namespace: str | None = None,
        repeated: Sequence[Path] = (),
    ) -> dict[str, Any]:
        """Return what the server would store for a JobSet's document that replaces a stored one.

        Raises
        ------
        ApiError
            What a real API server would answer.
        """
        decoded = manifest.decode(doc, namespace, repeated)
        stored = manifest.decode(old, namespace, ())
        if decoded["kind"] != "JobSet":
            error = invalid("kind", decoded["kind"], "must be JobSet")
            raise invalid_object("JobSet", decoded["metadata"].get("name", ""), [error])
        self._call_webhook("vjobset.kb.io")
        return manifest_jobset.update_jobset(decoded, stored, self.gates)

    # --- typed objects -------------------------------------------------------------------------

    def admit_create(self, obj: Object, reader: Reader) -> Object:
        """Return a new object as it is to be stored: defaulted, mutated, validated.

        Raises
        ------
        ApiError
            What a real API server would answer.
        """
        if isinstance(obj, Pod):
            self._check_namespace(obj, reader)
            self._call_webhook("mpod.kb.io")
            return self._pods.create(obj, reader)
        if obj.namespace:
            self._check_namespace(obj, reader)
            self._note_queue(obj, reader)
        if isinstance(obj, Job):
            return self._jobs.create(obj)
        if isinstance(obj, JobSet):
            self._call_webhook("mjobset.kb.io")
            doc = manifest_jobset.create_jobset(codec.to_dict(obj), reader, self.gates, self.suffix)
            created = manifest.as_object(doc)
            return replace(created, metadata=replace(obj.metadata, name=created.name))
        if isinstance(obj, Node):
            obj = with_node_defaults(obj)
        self._refuse(obj, [*check_meta(obj.metadata, obj.kind, self._known), *object_errors(obj)])
        return new_namespace(obj) if isinstance(obj, Namespace) else obj

    def admit_update(self, new: Object, old: Object, reader: Reader) -> Object:
        """Return the object that is to be stored in place of an old one.

        Raises
        ------
        ApiError
            What a real API server would answer.
        """
        new = replace(new, metadata=filled_update(new.metadata, old.metadata))
        if isinstance(new, JobSet):
            self._call_webhook("vjobset.kb.io")
            doc = manifest_jobset.update_jobset(codec.to_dict(new), codec.to_dict(old), self.gates)
            updated = manifest.as_object(doc)
            return replace(updated, metadata=new.metadata)
        if isinstance(new, Job) and isinstance(old, Job):
            return self._jobs.update(new, old)
        errors = check_meta_update(new.metadata, old.metadata, new.kind, self._known)
        self._refuse(new, [*errors, *object_errors(new)])
        return new

    def admit_status(self, new: Object, old: Object) -> None:
        """Refuse a status that the API server would refuse (K-JOB-06, C-API-50).

        Raises
        ------
        ApiError
            422 Invalid.
        """
        if isinstance(new, Job) and isinstance(old, Job):
            self._refuse(new, status_errors(new, old))
        elif isinstance(new, JobSet) and isinstance(old, JobSet):
            self._refuse(new, self._statuses.errors(new, old))

    def _call_webhook(self, name: str) -> None:
        """Fail as a call to a webhook that nobody serves (failurePolicy Fail, C-WHK-01)."""
        if not self._up:
            path = WEBHOOKS[name]
            raise ApiError(
                "InternalError",
                f'Internal error occurred: failed calling webhook "{name}": failed to call webhook: Post '
                f'"https://{SERVICE}.jobset-system.svc:443/{path}?timeout=10s": '
                f'no endpoints available for service "{SERVICE}"',
            )

    def admit_delete(self, write: Delete) -> None:
        """Refuse the deletion of a namespace that every cluster needs.

        Raises
        ------
        ApiError
            403 Forbidden.
        """
        if write.kind == Namespace.KIND:
            refuse_if_immortal(write.name)

    def _note_queue(self, obj: Object, reader: Reader) -> None:
        """Take a queue as existing that a JobSet or Job waits in."""
        queue = obj.metadata.labels.get(QUEUE_LABEL)
        if self.strict or not queue or not isinstance(obj, JobSet | Job):
            return
        if reader.get(LocalQueue, obj.namespace, queue) is None:
            self.assume("LocalQueue", queue)

    def _refuse(self, obj: Object, errors: Sequence[FieldError]) -> None:
        if errors:
            raise invalid_object(obj.kind, obj.name, errors)

    def _check_namespace(self, new: Object | Mapping[str, Any], reader: Reader) -> None:
        """Refuse an object whose namespace is not there, or goes."""
        if isinstance(new, Object):
            namespace, kind, name = new.namespace, new.kind, new.name
        else:
            meta = new["metadata"]
            namespace, kind, name = meta["namespace"], new["kind"], meta.get("name", "")
        found = reader.get(Namespace, "", namespace)
        if found is not None:
            refuse_if_terminating(found, kind, name)
        if namespace in NAMESPACES or found is not None:
            return
        if self.strict:
            raise ApiError("NotFound", f'namespaces "{namespace}" not found')
        self.assume("Namespace", namespace)

    # --- evictions -----------------------------------------------------------------------------

    def evict(self, write: Evict, reader: Reader, now: int) -> tuple[Write, ...]:
        """Return the writes of an eviction; refuse one that a PodDisruptionBudget forbids.

        Raises
        ------
        ApiError
            429 TooManyRequests, or 500 where several budgets cover the pod.
        """
        return disruption.evict(write, reader, now)
