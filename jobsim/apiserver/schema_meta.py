"""Object metadata: names, labels, annotations, owners, finalizers.

Source: apimachinery pkg/api/validation objectmeta.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobsim.api import codec, names
from jobsim.api._struct import replace
from jobsim.api.field import FieldError, forbidden, invalid, required, too_long
from jobsim.api.gofmt import quote
from jobsim.api.kinds import namespaced
from jobsim.api.meta import LabelSelector, Object, ObjectMeta, OwnerReference
from jobsim.apiserver.schema_errors import invalid_data

ANNOTATIONS_BYTES_MAX = 256 * 1024
IMMUTABLE = "field is immutable"

#: Kinds whose names are more than a DNS subdomain allows.
NAME_FORMATS: Mapping[str, Callable[[str], list[str]]] = {
    "Namespace": names.dns1123_label_errors,
    "Service": names.dns1035_label_errors,
}


def with_name(obj: Object, suffix: Callable[[], str]) -> Object:
    """Return an object with its generateName expanded, if it has that and no name."""
    meta = obj.metadata
    if meta.name or not meta.generate_name:
        return obj
    return obj.with_meta(name=names.generated_name(meta.generate_name, suffix()))


def masked_prefix(name: str) -> str:
    """Return a generateName as upstream checks it: a dash at its end is allowed."""
    return name[:-2] + "a" if len(name) > 1 and name.endswith("-") else name


class Known:
    """A memory of metadata that was found good, so that objects of one kind are checked once.

    Dropped when it grows; what it holds changes no answer.
    """

    PAIRS_MAX = 200_000

    def __init__(self) -> None:
        self._labels: set[tuple[str, str]] = set()
        self._annotation_keys: set[str] = set()
        self._rest: object = None

    def label_errors(self, labels: Mapping[str, str], path: str) -> list[FieldError]:
        """Return what is wrong with labels."""
        if self._labels.issuperset(labels.items()):
            return []
        new = {key: value for key, value in labels.items() if (key, value) not in self._labels}
        errors = check_labels(new, path)
        if not errors:
            if len(self._labels) > self.PAIRS_MAX:
                self._labels.clear()
            self._labels.update(new.items())
        return errors

    def annotation_errors(self, annotations: Mapping[str, str], path: str) -> list[FieldError]:
        """Return what is wrong with annotations."""
        if self._annotation_keys.issuperset(annotations):
            return _size_errors(annotations, path)
        errors = check_annotations(annotations, path)
        if not errors:
            self._annotation_keys.update(annotations)
        return errors

    def rest_errors(self, meta: ObjectMeta, kind: str) -> list[FieldError]:
        """Return what is wrong with namespace, generation, owners and finalizers."""
        rest = (meta.namespace, meta.generation, meta.finalizers, meta.owner_references, kind)
        if rest == self._rest:
            return []
        errors = check_rest(meta, kind)
        self._rest = rest if not errors else None
        return errors


def check_meta(meta: ObjectMeta, kind: str, known: Known) -> list[FieldError]:
    """Return what is wrong with the metadata of a new object, after name generation."""
    return check_name(meta, kind) + _check_maps(meta, kind, known)


def _check_maps(meta: ObjectMeta, kind: str, known: Known) -> list[FieldError]:
    """Check all but the name; upstream has labels and annotations between the rest."""
    rest = known.rest_errors(meta, kind)
    before = [e for e in rest if e.path in ("metadata.namespace", "metadata.generation")]
    return (
        before
        + known.label_errors(meta.labels, "metadata.labels")
        + known.annotation_errors(meta.annotations, "metadata.annotations")
        + [e for e in rest if e not in before]
    )


def check_name(meta: ObjectMeta, kind: str) -> list[FieldError]:
    """Return what is wrong with the name of a new object and with what it was generated from."""
    name_problems = NAME_FORMATS.get(kind, names.dns1123_subdomain_errors)
    errors = []
    if meta.generate_name:
        shown = masked_prefix(meta.generate_name)
        errors += [_invalid("generateName", meta.generate_name, p) for p in name_problems(shown)]
    if not meta.name:
        errors.append(required("metadata.name", "name or generateName is required"))
    else:
        errors += [_invalid("name", meta.name, p) for p in name_problems(meta.name)]
    return errors


def check_rest(meta: ObjectMeta, kind: str) -> list[FieldError]:
    """Return what is wrong with an object's namespace, generation, owners and finalizers."""
    errors = []
    if not namespaced(kind):
        if meta.namespace:
            errors.append(forbidden("metadata.namespace", "not allowed on this type"))
    elif not meta.namespace:
        errors.append(required("metadata.namespace"))
    else:
        errors += [
            _invalid("namespace", meta.namespace, p) for p in names.dns1123_label_errors(meta.namespace)
        ]
    if meta.generation < 0:
        errors.append(_invalid("generation", meta.generation, "must be greater than or equal to 0"))
    errors += _check_owners(meta.owner_references)
    return errors + _check_finalizers(meta.finalizers)


def check_meta_update(new: ObjectMeta, old: ObjectMeta, kind: str, known: Known) -> list[FieldError]:
    """Return what is wrong with the metadata of a changed object.

    The resourceVersion is not asked for: who writes without one means the object as it is.
    """
    errors = []
    if old.deletion_timestamp is not None:
        extra = sorted(set(new.finalizers) - set(old.finalizers))
        if extra:
            listed = ", ".join(quote(e) for e in extra)
            errors.append(
                forbidden(
                    "metadata.finalizers",
                    "no new finalizers can be added if the object is being deleted, found new finalizers "
                    f"[]string{{{listed}}}",
                )
            )
    if new.generation < old.generation:
        errors.append(_invalid("generation", new.generation, "must not be decremented"))
    for field, now, before in (
        ("name", new.name, old.name),
        ("namespace", new.namespace, old.namespace),
        ("uid", new.uid, old.uid),
        ("creationTimestamp", new.creation_timestamp, old.creation_timestamp),
        ("deletionTimestamp", new.deletion_timestamp, old.deletion_timestamp),
        ("deletionGracePeriodSeconds", new.deletion_grace_period_seconds, old.deletion_grace_period_seconds),
    ):
        if now != before:
            errors.append(_invalid(field, codec.to_data(now), IMMUTABLE))
    return errors + _check_maps(new, kind, known)


def filled_update(new: ObjectMeta, old: ObjectMeta) -> ObjectMeta:
    """Return new metadata with what an update may leave out taken from the old."""
    return replace(
        new,
        uid=new.uid or old.uid,
        namespace=new.namespace or old.namespace,
        generate_name=new.generate_name or old.generate_name,
        generation=old.generation,
        creation_timestamp=old.creation_timestamp,
        deletion_timestamp=old.deletion_timestamp,
        deletion_grace_period_seconds=old.deletion_grace_period_seconds,
    )


def check_labels(labels: Mapping[str, str], path: str) -> list[FieldError]:
    """Return what is wrong with a map of labels.

    Upstream walks a Go map, so its order is random; here it is the map's own.
    """
    errors = []
    for key, value in labels.items():
        errors += [invalid(path, key, problem) for problem in names.qualified_name_errors(key)]
        errors += [invalid(path, value, problem) for problem in names.label_value_errors(value)]
    return errors


def check_annotations(annotations: Mapping[str, str], path: str) -> list[FieldError]:
    """Return what is wrong with a map of annotations."""
    errors = []
    for key in annotations:
        errors += [invalid(path, key, problem) for problem in names.qualified_name_errors(key.lower())]
    return errors + _size_errors(annotations, path)


def _size_errors(annotations: Mapping[str, str], path: str) -> list[FieldError]:
    # Characters are the quick lower bound of what counts: bytes.
    size = sum(map(len, annotations)) + sum(map(len, annotations.values()))
    if size * 4 > ANNOTATIONS_BYTES_MAX:
        size = sum(names.byte_length(k) + names.byte_length(v) for k, v in annotations.items())
    return [too_long(path, ANNOTATIONS_BYTES_MAX)] if size > ANNOTATIONS_BYTES_MAX else []


def check_selector(selector: LabelSelector | None, path: str) -> list[FieldError]:
    """Return what is wrong with a label selector."""
    if selector is None:
        return []
    errors = check_labels(selector.match_labels, f"{path}.matchLabels")
    for i, term in enumerate(selector.match_expressions):
        at = f"{path}.matchExpressions[{i}]"
        if term.operator in ("In", "NotIn"):
            if not term.values:
                errors.append(
                    required(f"{at}.values", "must be specified when `operator` is 'In' or 'NotIn'")
                )
        elif term.operator in ("Exists", "DoesNotExist"):
            if term.values:
                why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                errors.append(forbidden(f"{at}.values", why))
        else:
            errors.append(invalid(f"{at}.operator", term.operator, "not a valid selector operator"))
        errors += [invalid(f"{at}.key", term.key, p) for p in names.qualified_name_errors(term.key)]
        for k, value in enumerate(term.values):
            errors += [invalid(f"{at}.values[{k}]", value, p) for p in names.label_value_errors(value)]
    return errors


def _check_owners(owners: Sequence[OwnerReference]) -> list[FieldError]:
    path = "metadata.ownerReferences"
    errors = []
    first = ""
    for owner in owners:
        if not owner.api_version.rpartition("/")[2]:
            errors.append(invalid(f"{path}.apiVersion", owner.api_version, "version must not be empty"))
        for field, value in (("kind", owner.kind), ("name", owner.name), ("uid", owner.uid)):
            if not value:
                errors.append(invalid(f"{path}.{field}", value, "must not be empty"))
        if owner.controller:
            this = f"{owner.kind}/{owner.name}"
            if first:
                why = (
                    'Only one reference can have Controller set to true. Found "true" in references for '
                    f"{first} and {this}"
                )
                errors.append(invalid(path, owners, why))
            first = first or this
    return errors


def _check_finalizers(finalizers: Sequence[str]) -> list[FieldError]:
    path = "metadata.finalizers"
    errors = [invalid(path, f, problem) for f in finalizers for problem in names.qualified_name_errors(f)]
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        why = "finalizer foregroundDeletion and orphan cannot be both set"
        errors.append(invalid_data(path, list(finalizers), why))
    return errors


def _invalid(field: str, value: Any, problem: str) -> FieldError:
    return invalid(f"metadata.{field}", value, problem)


def finalizer_warnings(finalizers: Sequence[str]) -> list[str]:
    """Return the warnings about finalizers of a custom resource."""
    warnings = []
    for name in sorted(set(finalizers)):
        warnings += [
            f"metadata.finalizers: {quote(name)}: {problem}" for problem in names.qualified_name_errors(name)
        ]
        if "/" in name or name in ("orphan", "foregroundDeletion", "kubernetes"):
            continue
        path = " including a path (/)" if "." in name else ""
        warnings.append(
            f"metadata.finalizers: {quote(name)}: prefer a domain-qualified finalizer name{path} to avoid "
            "accidental conflicts with other finalizer writers"
        )
    return warnings
