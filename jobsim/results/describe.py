"""``kubectl describe`` of any object: pods, jobs and nodes by hand, all else field by field.

Source: kubectl pkg/describe describe.go (v1.32).  Differs: a node has no Lease line, because
nodes here renew no lease.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from jobsim.api.batch import Job
from jobsim.api.codec import to_dict
from jobsim.api.core import Event, Node
from jobsim.api.meta import Object
from jobsim.api.pod import Pod
from jobsim.api.reader import Reader
from jobsim.api.selectors import format_selector
from jobsim.results.describe_node import describe_node
from jobsim.results.describe_pod import describe_pod, describe_template
from jobsim.results.page import Page, about, controlled_by, date
from jobsim.results.printers import NONE, UNSET
from jobsim.units import format_duration

_ACRONYMS = ("API", "URL", "UID", "OSB", "GUID")
#: A word of a field's name: lower or upper case run, digits; ``DNSHost`` is ``DNS`` and ``Host``.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^A-Za-z0-9]+")


def describe(obj: Object, reader: Reader, events: Iterable[Event], now: int) -> str:
    """Return what ``kubectl describe`` shows of an object.

    Parameters
    ----------
    obj : Object
    reader : Reader
        For what stands around it (the pods of a node).
    events : iterable of Event
        Those about this object are shown.
    now : int
        Virtual time that ages refer to, ns.
    """
    if isinstance(obj, Pod):
        return describe_pod(obj, events, now)
    if isinstance(obj, Job):
        return describe_job(obj, events, now)
    if isinstance(obj, Node):
        return describe_node(obj, reader, events, now)
    return describe_any(obj, events, now)


def describe_job(job: Job, events: Iterable[Event], now: int) -> str:
    """Return what ``kubectl describe job`` shows."""
    page, spec, status = Page(), job.spec, job.status
    page.field("Name", job.name)
    page.field("Namespace", job.namespace)
    page.field("Selector", "" if spec.selector is None else format_selector(spec.selector))
    page.labels("Labels", job.metadata.labels)
    page.annotations("Annotations", job.metadata.annotations)
    controlled_by(page, job)
    page.optional("Parallelism", spec.parallelism)
    page.field("Completions", UNSET if spec.completions is None else spec.completions)
    page.optional("Completion Mode", spec.completion_mode)
    page.optional("Suspend", None if spec.suspend is None else str(spec.suspend).lower())
    page.optional("Backoff Limit", spec.backoff_limit)
    page.optional("TTL Seconds After Finished", spec.ttl_seconds_after_finished)
    if status.start_time is not None:
        page.field("Start Time", date(status.start_time))
    if status.completion_time is not None:
        page.field("Completed At", date(status.completion_time))
    if status.start_time is not None and status.completion_time is not None:
        page.field("Duration", format_duration(status.completion_time - status.start_time))
    if spec.active_deadline_seconds is not None:
        page.field("Active Deadline Seconds", f"{spec.active_deadline_seconds}s")
    ready = "" if status.ready is None else f" ({status.ready} Ready)"
    counts = f"{status.active} Active{ready} / {status.succeeded} Succeeded / {status.failed} Failed"
    page.field("Pods Statuses", counts)
    if spec.completion_mode == "Indexed":
        page.field("Completed Indexes", _short(status.completed_indexes))
    describe_template(page, spec.template)
    page.events(about(job, events), now)
    return page.text()


def _short(indexes: str, soft_limit: int = 50) -> str:
    """Return an index list cut after the first range that reaches the limit; an empty one is ``<none>``."""
    comma = indexes.find(",", soft_limit)
    return (indexes if comma < 0 else indexes[: comma + 1] + "...") or NONE


def describe_any(obj: Object, events: Iterable[Event], now: int) -> str:
    """Return kubectl's page for a kind it knows nothing of: all fields, names spelled as words."""
    page, data = Page(), to_dict(obj)
    meta = data["metadata"]
    page.field("Name", obj.name)
    page.field("Namespace", obj.namespace)
    page.labels("Labels", obj.metadata.labels)
    page.annotations("Annotations", obj.metadata.annotations)
    for shown_above in ("name", "namespace", "labels", "annotations", "managedFields", "selfLink"):
        meta.pop(shown_above, None)
    _fields(page, data, 0)
    page.events(about(obj, events), now)
    return page.text()


def _fields(page: Page, data: Mapping[str, Any], level: int) -> None:
    """Add a mapping in the order of its keys, lists of mappings run together as kubectl does."""
    for key in sorted(data):
        value, label = data[key], spelled(key)
        if isinstance(value, Mapping):
            page.line(f"{label}:", level)
            _fields(page, value, level + 1)
        elif isinstance(value, list | tuple):
            page.line(f"{label}:", level)
            for item in value:
                if isinstance(item, Mapping):
                    _fields(page, item, level + 1)
                else:
                    page.line(_scalar(item), level + 1)
        else:
            page.line(f"{label}:\t{_scalar(value)}", level)


def _scalar(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else "<nil>" if value is None else str(value)
    return text.replace("\t", " ").replace("\x1b", "^[")


def spelled(field: str) -> str:
    """Return a field's name as words: ``enableDNSHostnames`` is ``Enable DNS Hostnames``."""
    if any(not c.isalpha() and c != "-" for c in field):
        return field
    words = _WORD.findall(field)
    return " ".join(w.upper() if w.upper() in _ACRONYMS else w[:1].upper() + w[1:] for w in words)
