"""Forms ``jobset-reconcile`` and ``pod-reconcile``: one call of Reconcile, its writes and events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobsim.api import codec
from jobsim.api._struct import Struct, replace
from jobsim.api.batch import Job
from jobsim.api.meta import Object
from jobsim.api.plan import EventRecord, Plan, WriteResult
from jobsim.api.writes import Create, Delete, Patch, Update, UpdateStatus, Write
from jobsim.apiserver.executor import Finish, Shell, drive
from jobsim.apiserver.table import ObjectTable
from jobsim.controllers import exclusive_placement, jobset
from jobsim.errors import CODES, ApiError
from jobsim.testing.conformance_case import Case, Verdict, gates_of, need, now_of, reader_of, sent_object
from jobsim.units import SECOND


def run_jobset(case: Case) -> Verdict:
    """Run a case of the JobSet controller."""
    reader, gates, now = reader_of(case), gates_of(case), now_of(case)
    seen = jobset.observe(reader, *_request(case), gates)
    plan = Plan() if seen is None else jobset.reconcile(seen, now, gates)
    return _verdict(case, reader, plan)


def run_pod(case: Case) -> Verdict:
    """Run a case of the pod reconciler."""
    reader, gates, now = reader_of(case), gates_of(case), now_of(case)
    seen = exclusive_placement.observe(reader, *_request(case))
    plan = Plan() if seen is None else exclusive_placement.reconcile(seen, now, gates)
    return _verdict(case, reader, plan)


def _request(case: Case) -> tuple[str, str]:
    """Return the namespace and the name that are reconciled."""
    return need(case, "request", "namespace"), need(case, "request", "name")


def _verdict(case: Case, reader: ObjectTable, plan: Plan) -> Verdict:
    """Execute a plan and compare what happened with what was recorded."""
    recorder = _Recorder(reader, case.get("faults") or [])
    events: list[EventRecord] = []
    finish = drive(plan, recorder.send, Shell(record=events.append, remember=_ignore, count=_ignore))
    expect = case["expect"]
    need(case, "expect", "error")
    return Verdict(expected=_expected(expect), got=_got(expect, recorder, events, finish))


def _ignore(value: Struct | str) -> None:
    """Take no notice: memory and counters are not recorded."""


def _expected(expect: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recorded expectation in the form that is compared."""
    writes = [
        {**write, "object": sent_object(write["object"])}
        if "object" in write and write["verb"] != "patch"
        else write
        for write in expect.get("writes") or []
    ]
    return {
        "writes": writes,
        "events": list(expect.get("events") or []),
        "requeueAfterSeconds": _whole_ns(expect.get("requeueAfterSeconds")),
        "error": expect["error"],
        **({"errorText": expect["errorText"]} if "errorText" in expect else {}),
    }


def _whole_ns(seconds: Any) -> Any:
    """Return seconds to the nanosecond: Go adds their fraction to whole seconds, which rounds otherwise."""
    return round(seconds * SECOND) / SECOND if isinstance(seconds, float) else seconds


def _got(
    expect: Mapping[str, Any], recorder: _Recorder, events: list[EventRecord], finish: Finish
) -> dict[str, Any]:
    """Return what happened in the form that is compared."""
    requeue_ns = finish.requeue_after_ns
    got: dict[str, Any] = {
        "writes": recorder.writes,
        "events": [
            {
                "type": event.type,
                "reason": event.reason,
                "message": event.message,
                "about": f"{event.about.kind}/{event.about.name}",
            }
            for event in events
        ],
        "requeueAfterSeconds": None if requeue_ns is None else requeue_ns / SECOND,
        "error": finish.error is not None,
    }
    if "errorText" in expect:
        got["errorText"] = finish.error
    return got


class _Recorder:
    """Answers writes as the recording server did, and notes them in the recorded form."""

    def __init__(self, reader: ObjectTable, faults: list[Mapping[str, Any]]) -> None:
        self.writes: list[dict[str, Any]] = []
        self._reader = reader
        self._faults = {fault["write"]: fault for fault in faults}

    def send(self, write: Write) -> WriteResult:
        """Note a write; answer with the recorded fault or with the object as stored."""
        note = _note(write)
        self.writes.append(note)
        fault = self._faults.get(len(self.writes))
        if fault is None:
            return WriteResult(write=write, obj=self._stored(write))
        reason = fault["error"]
        note["error"] = reason
        code = CODES.get(reason, 500)
        return WriteResult(write=write, error=ApiError(reason, fault.get("message", reason), code=code))

    def _stored(self, write: Write) -> Object | None:
        """Return a written object as the server stores it."""
        if isinstance(write, Create | Update | UpdateStatus):
            return write.obj
        if not isinstance(write, Patch):
            return None
        old = self._reader.find(write.kind, write.namespace, write.name)
        assert isinstance(old, Job), f"{write.kind} {write.name} is not there to be patched"
        data = _merged(codec.to_data(old), write.patch)
        new = codec.convert(data, Job)
        # The server defaults what a patch took away (C-DEF-07).
        if new.spec.parallelism is None:
            completions = 1 if new.spec.completions is None else new.spec.completions
            new = replace(new, spec=replace(new.spec, parallelism=1, completions=completions))
        return new


def _merged(data: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, Mapping):
        return patch
    old = data if isinstance(data, Mapping) else {}
    merged = {key: value for key, value in old.items() if patch.get(key, value) is not None}
    for key, value in patch.items():
        if value is not None:
            merged[key] = _merged(old.get(key), value)
    return merged


def _note(write: Write) -> dict[str, Any]:
    """Return a write in the recorded form."""
    note: dict[str, Any] = {"verb": write.VERB, "kind": write.kind, "name": write.name}
    if isinstance(write, Create | Update | UpdateStatus):
        note["object"] = sent_object(codec.to_dict(write.obj))
    elif isinstance(write, Patch):
        note["object"] = dict(write.patch)
    elif isinstance(write, Delete) and write.propagation:
        note["options"] = {"propagationPolicy": write.propagation}
    return note
