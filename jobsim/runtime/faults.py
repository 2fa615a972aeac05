"""Faults between the components and the API server: wrong answers, stale caches, crashes.

A wrong answer is drawn by what is asked (component, verb, object) and how often it was asked before, never
by when; so a fault that is added moves no other.  People's own requests meet no faults.  A component is a
process: the two controllers of JobSet stop together, and with them the webhooks (C-EXC-04, C-WHK-01).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from jobsim.api.plan import WriteResult
from jobsim.api.writes import Create, Write
from jobsim.apiserver import messages
from jobsim.apiserver.executor import Send
from jobsim.apiserver.server import Server
from jobsim.errors import ApiError
from jobsim.rng import uniform
from jobsim.runtime.client import Client, WriteCounts, write_name
from jobsim.runtime.engine import Engine, Stopped
from jobsim.runtime.setup import ClientLimits, CrashFault, ErrorFault, Faults
from jobsim.units import SECOND


class Notes(Protocol):
    """Who keeps what happened."""

    def note(self, time: int, kind: str, **fields: Any) -> None:
        """Take something that is no change of an object."""
        ...


class Rule:
    """One kind of wrong answer, and how often it could have been given."""

    def __init__(self, fault: ErrorFault, seed: int, twin: int) -> None:
        self.fault = fault
        self.calls = 0
        wanted = (fault.component, fault.verb, fault.kind, fault.namespace, fault.name)
        self._draw = partial(uniform, seed, "api-fault", fault.error, str(fault.applied), *wanted, twin)
        self._asked: dict[tuple[str, ...], int] = {}

    def strikes(self, component: str, write: Write) -> bool:
        """Count a call and tell whether it goes wrong."""
        fault = self.fault
        name = _stem(write)
        if (
            fault.verb not in ("", write.VERB)
            or fault.kind not in ("", write.kind)
            or fault.namespace not in ("", write.namespace)
            or fault.name not in ("", write.name, name)
        ):
            return False
        self.calls += 1
        if fault.nth is not None:
            return self.calls == fault.nth
        key = (component, write.VERB, write.kind, write.namespace, write.name or name)
        self._asked[key] = times = self._asked.get(key, 0) + 1
        return self._draw(*key, times) < fault.probability


def _stem(write: Write) -> str:
    """Return the name of a pod without its random suffix; other names as they are."""
    if isinstance(write, Create) and not write.name:
        return write.obj.metadata.generate_name.removesuffix("-")
    return write.name.rpartition("-")[0] if write.kind == "Pod" else write.name


def error_of(reason: str, write: Write) -> ApiError:
    """Return an answer in the API server's words."""
    match reason:
        case "Conflict":
            return messages.conflict(write.kind, write.name)
        case "NotFound":
            return messages.not_found(write.kind, write.name)
        case "AlreadyExists":
            return messages.already_exists(write.kind, write.name)
        case "TooManyRequests":
            return messages.too_many_requests()
        case "Timeout":
            return messages.timeout()
        case _:
            return messages.internal_error("etcdserver: leader changed")


class FaultyClient(Client):
    """A client whose requests may meet faults, and whose component may crash between two of them."""

    def __init__(
        self,
        engine: Engine,
        server: Server,
        limits: ClientLimits,
        latency: Callable[[], int] | None,
        counts: WriteCounts,
        trouble: Trouble,
        component: str,
    ) -> None:
        super().__init__(engine, server, limits, latency, counts)
        self._trouble = trouble
        self._component = component

    def begin(self) -> Send:
        """Return how the writes of one pass are sent; each that is made is counted."""
        made = 0

        def send(write: Write) -> WriteResult:
            nonlocal made
            result = self.send(write)
            if result.error is None:
                made += 1
                self._trouble.made(self._component, made)
            return result

        return send

    def send(self, write: Write) -> WriteResult:
        """Let the API server answer a write now, unless something is in the way.

        Raises
        ------
        Stopped
            The component is gone.
        """
        if self._trouble.is_down(self._component):
            raise Stopped
        fault = self._trouble.strike(self._component, write)
        if fault is None:
            return super().send(write)
        if fault.applied:
            super().send(write)
        else:
            name = write_name(write)
            self._counts.refused[name] = self._counts.refused.get(name, 0) + 1
        return WriteResult(write=write, error=error_of(fault.error, write), at=self._engine.now)


class Trouble:
    """All faults of a run.

    Parameters
    ----------
    engine, faults, seed :
    notes : Notes
    """

    def __init__(self, engine: Engine, faults: Faults, seed: int, notes: Notes) -> None:
        self._engine = engine
        self._notes = notes
        self._crashes = faults.crashes
        self._stale = faults.stale
        seen: dict[ErrorFault, int] = {}
        self._rules: list[Rule] = []
        for fault in faults.errors:
            seen[fault] = seen.get(fault, -1) + 1
            self._rules.append(Rule(fault, seed, seen[fault]))
        self._armed = [crash for crash in faults.crashes if crash.after_write is not None]
        #: By component: how its parts stop, and how they start again.
        self._parts: dict[str, list[tuple[Callable[[], None], Callable[[], None]]]] = {}
        #: Components that are down, and until when, ns.
        self._down: dict[str, int] = {}
        self._planned = 0
        #: How often each thing went wrong, by a short text.
        self.counts: dict[str, int] = {}

    def concerns(self, component: str) -> bool:
        """Tell whether a component's requests may meet faults, or be cut off."""
        rules = any(rule.fault.component in ("", component) for rule in self._rules)
        return rules or any(crash.component == component for crash in self._crashes)

    def add(self, component: str, crash: Callable[[], None], restart: Callable[[], None]) -> None:
        """Say how a part of a component stops, and how it starts again."""
        self._parts.setdefault(component, []).append((crash, restart))

    def schedule(self) -> None:
        """Set a timer for each crash with a time, and for the notes about stale caches."""
        for crash in self._crashes:
            if crash.at is not None:
                self._planned += 1
                self._engine.at(crash.at, self._crash_planned, crash)
        for stale in self._stale:
            fields = {"component": stale.component, "of": stale.kind, "seconds": stale.duration / SECOND}
            self._engine.at(stale.at, self._note, f"stale {stale.component} {stale.kind}", "stale", fields)

    def hopeful(self) -> bool:
        """Tell whether a component is still to stop, or to come back."""
        return self._planned > 0

    # -- answers -------------------------------------------------------------------------------

    def strike(self, component: str, write: Write) -> ErrorFault | None:
        """Return what goes wrong with a request, if anything; every rule counts it."""
        found = None
        for rule in self._rules:
            asked = rule.fault.component in ("", component)
            if asked and rule.strikes(component, write) and found is None:
                found = rule.fault
        if found is not None:
            fields = {"component": component, "verb": write.VERB, "applied": found.applied}
            where = {"kind": write.kind, "namespace": write.namespace, "name": write.name or _stem(write)}
            applied = " (applied)" if found.applied else ""
            text = f"{found.error}{applied} {component} {write.VERB} {write.kind}"
            self._note(text, found.error, {**fields, "about": where})
        return found

    # -- crashes -------------------------------------------------------------------------------

    def is_down(self, component: str) -> bool:
        """Tell whether a component does not run."""
        return component in self._down

    def made(self, component: str, count: int) -> None:
        """Hear that a pass has made so many writes.

        Raises
        ------
        Stopped
            It was its last one.
        """
        for crash in self._armed:
            if crash.component == component and crash.after_write == count:
                self._armed.remove(crash)
                self._crash(crash)
                raise Stopped

    def _crash_planned(self, crash: CrashFault) -> None:
        self._planned -= 1
        self._crash(crash)

    def _crash(self, crash: CrashFault) -> None:
        name, until = crash.component, self._engine.now + crash.down
        self._note(f"crash {name}", "crash", {"component": name, "down": crash.down / SECOND})
        was_down = name in self._down
        self._down[name] = max(until, self._down.get(name, until))
        if not was_down:
            for stop, _ in self._parts.get(name, ()):
                stop()
        self._planned += 1
        self._engine.at(until, self._restart, name)

    def _restart(self, name: str) -> None:
        self._planned -= 1
        if self._down.get(name, self._engine.now + 1) > self._engine.now:
            return
        del self._down[name]
        for _, start in self._parts.get(name, ()):
            start()

    # -- telling -------------------------------------------------------------------------------

    def _note(self, text: str, fault: str, fields: dict[str, Any]) -> None:
        self.counts[text] = self.counts.get(text, 0) + 1
        self._notes.note(self._engine.now, "fault", fault=fault, **fields)

    def without_effect(self) -> list[str]:
        """Return a sentence for each single fault whose moment never came."""
        texts = []
        for rule in self._rules:
            fault = rule.fault
            if rule.calls < (fault.nth or 1):
                words = (fault.component, fault.verb, fault.kind, fault.namespace, fault.name)
                what = " ".join(filter(None, words)) or "any"
                nth = "" if fault.nth is None else f" of call {fault.nth}"
                texts.append(
                    f"fault {fault.error}{nth} ({what}) has no effect: there were {rule.calls} such calls"
                )
        for crash in self._armed:
            texts.append(
                f"crash of {crash.component} after write {crash.after_write} has no effect: "
                f"no pass made so many"
            )
        return texts
