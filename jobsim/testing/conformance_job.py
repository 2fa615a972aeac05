"""Form ``job-episode``: the Job controller over virtual time, in a world that follows a script.

The smallest shell the core can live in: one worker, a store, watches that are late by a constant.
At one instant events are heard first, then the controller's due work is done, then the script goes on.
What is sent and recorded is compared with the real controller's, instant by instant, in any order.
"""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from jobsim.api.batch import Job
from jobsim.api.codec import normal_form
from jobsim.api.plan import EventRecord, Plan, WriteResult
from jobsim.api.pod import Pod
from jobsim.api.timing import JOB_RETRY_BASE_NS, JOB_RETRY_CAP_NS
from jobsim.api.watch import WatchEvent
from jobsim.api.writes import Write
from jobsim.apiserver.executor import Finish, Shell, drive
from jobsim.apiserver.table import ObjectTable
from jobsim.apiserver.workqueue import ItemBackoff, WorkQueue
from jobsim.controllers import job
from jobsim.controllers.job import orphans
from jobsim.testing.conformance_case import Case, Verdict
from jobsim.testing.conformance_job_world import World
from jobsim.units import seconds

Key = tuple[str, str]


def run_episode(case: Case) -> Verdict:
    """Run a recorded episode of the Job controller."""
    got = Episode(case).run()
    return Verdict(expected=in_order(case["expect"]["timeline"]), got=in_order(got))


def in_order(timeline: list[dict[str, Any]]) -> list[Any]:
    """Return the entries of a timeline in normal form, those of one instant in a fixed order."""
    entries = []
    for entry in timeline:
        status = entry.get("status", {})
        uncounted = status.get("uncountedTerminatedPods", {})
        if uncounted:
            sorted_lists = {name: sorted(uids) for name, uids in uncounted.items()}
            entry = {**entry, "status": {**status, "uncountedTerminatedPods": sorted_lists}}
        entries.append(normal_form({**entry, "t": round(entry["t"], 3)}))
    return sorted(entries, key=lambda entry: (entry["t"], json.dumps(entry, sort_keys=True)))


class Episode:
    """One run of the controller."""

    def __init__(self, case: Case) -> None:
        self._until = seconds(case["until"])
        self._lag = seconds(case.get("watchLagSeconds", 0))
        self.world = World(case, self._hear_or_queue)
        self._reader: ObjectTable = self.world.store if not self._lag else ObjectTable()
        self._coming: deque[tuple[int, WatchEvent]] = deque()
        self._start_controller()

    def _start_controller(self) -> None:
        self._jobs = WorkQueue[Key]()
        self._orphans = WorkQueue[Key]()
        self._job_backoff = ItemBackoff[Key](JOB_RETRY_BASE_NS, JOB_RETRY_CAP_NS)
        self._orphan_backoff = ItemBackoff[Key](JOB_RETRY_BASE_NS, JOB_RETRY_CAP_NS)
        self._memory: dict[Key, job.Memory] = {}
        self._running: Key | None = None
        self._later: list[WatchEvent] = []

    def run(self) -> list[dict[str, Any]]:
        """Run to the end of the episode and return what the controller did."""
        world = self.world
        while True:
            times = [world.next_step(), self._jobs.next_ready(), self._orphans.next_ready()]
            times.append(self._coming[0][0] if self._coming else None)
            due = [time for time in times if time is not None]
            if not due or max(world.now, min(due)) > self._until:
                return world.timeline
            world.now = max(world.now, min(due))
            self._turn()

    def _turn(self) -> None:
        """Do one thing of those due now."""
        world = self.world
        now = world.now
        if self._coming and self._coming[0][0] <= now:
            _, event = self._coming.popleft()
            self._reader.apply(event)
            self._hear(event)
        elif (key := self._jobs.pop(now)) is not None:
            self._sync(key)
        elif (key := self._orphans.pop(now)) is not None:
            seen = orphans.observe(self._reader, *key)
            plan = None if seen is None else orphans.reconcile(seen, now)
            self._end(key, self._drive(key, plan), self._orphans, self._orphan_backoff)
        elif world.step():
            self._restart()

    # -- hearing -------------------------------------------------------------------------------

    def _hear_or_queue(self, event: WatchEvent) -> None:
        if self._lag:
            self._coming.append((self.world.now + self._lag, event))
        else:
            self._hear(event)

    def _hear(self, event: WatchEvent) -> None:
        if self._running is not None:
            self._later.append(event)
        else:
            self._note(event)
        now = self.world.now
        for wake in job.wakes(event, self._reader):
            self._jobs.add((wake.namespace, wake.name), now + wake.delay_ns, now)
        for wake in orphans.wakes(event, self._reader):
            self._orphans.add((wake.namespace, wake.name), now + wake.delay_ns, now)

    def _note(self, event: WatchEvent) -> None:
        key = job.memory_of(event)
        if key is None:
            return
        memory = job.note(event, self._memory.get(key))
        if memory is None:
            self._memory.pop(key, None)
        else:
            self._memory[key] = memory

    # -- working -------------------------------------------------------------------------------

    def _sync(self, key: Key) -> None:
        self._running = key
        seen = job.observe(self._reader, *key, self._memory.get(key))
        plan = None if seen is None else job.reconcile(seen, self.world.now)
        finish = self._drive(key, plan)
        self._running = None
        later, self._later = self._later, []
        for event in later:
            self._note(event)
        self._end(key, finish, self._jobs, self._job_backoff)

    def _drive(self, key: Key, plan: Plan | None) -> Finish:
        if plan is None:
            return Finish()
        shell = Shell(
            record=self._record,
            remember=lambda memory: self._memory.update({key: memory}),  # type: ignore[dict-item]
            count=lambda _: None,
        )
        return drive(plan, self._send, shell)

    def _end(self, key: Key, finish: Finish, queue: WorkQueue[Key], backoff: ItemBackoff[Key]) -> None:
        now = self.world.now
        if finish.requeue_after_ns is not None:
            queue.add(key, now + finish.requeue_after_ns, now)
        if finish.error is not None:
            queue.add(key, now + backoff.next(key), now)
        else:
            backoff.forget(key)
        queue.done(key)

    def _send(self, write: Write) -> WriteResult:
        return self.world.request(write)

    def _record(self, event: EventRecord) -> None:
        self.world.enter("event", type=event.type, reason=event.reason, message=event.message)

    def _restart(self) -> None:
        """Begin anew with full caches and an empty memory: Jobs, then pods arrive as additions."""
        self._start_controller()
        self._coming.clear()
        if self._lag:
            self._reader = ObjectTable()
            for obj in self.world.store:
                self._reader.put(obj)
        for obj in (*self._reader.list(Job), *self._reader.list(Pod)):
            revision = int(obj.metadata.resource_version)
            self._hear(WatchEvent(type="ADDED", obj=obj, old=None, revision=revision, time=self.world.now))
