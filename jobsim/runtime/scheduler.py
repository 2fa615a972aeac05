"""TEMPORARY"""

from __future__ import annotations
from collections import deque
from jobsim.api.pod import Pod
from jobsim.api.writes import Bind
from jobsim.controllers.scheduler.cycle import cycle
from jobsim.controllers.scheduler.snapshot import Snapshot
from jobsim.runtime.informer import Informer
from jobsim.api.plan import EventRecord, reference
from jobsim.runtime.engine import Task
from jobsim.api.plan import single


class Scheduler:
    def __init__(self, engine, store, client, setup, record, lag):
        self.engine = engine
        self.store = store
        self.client = client
        self.record = record
        self.snap = Snapshot()
        self.q = deque()
        self.uns = {}
        self.armed = False
        Informer(engine, store, self.hear, (), lag)

    def hear(self, e):
        self.snap.apply(e)
        o = e.obj
        if isinstance(o, Pod):
            if e.type == "DELETED" and o.spec.node_name or o.terminal:
                self.requeue()
            if e.type == "ADDED" and not o.spec.node_name:
                self.q.append((o.namespace, o.name))
                self.arm()
            elif o.spec.node_name and e.old is not None and not e.old.spec.node_name:
                self.requeue()
        elif o.kind == "Node":
            self.requeue()

    def requeue(self):
        if self.uns:
            self.q.extend(self.uns)
            self.uns = {}
            self.arm()

    def arm(self):
        if not self.armed:
            self.armed = True
            self.engine.after(0, self.drain)

    def drain(self):
        self.armed = False
        while self.q:
            k = self.q.popleft()
            p = self.store.get(Pod, *k)
            if p is None or p.spec.node_name or p.terminating:
                continue
            d = cycle(self.snap, p)
            self.snap.next_start = d.next_start
            if d.node:
                self.snap.assume(p, d.node)
                Task(
                    self.engine,
                    self.client.run_step(
                        single(Bind(namespace=p.namespace, name=p.name, node=d.node, uid=p.uid))
                    ),
                    lambda r: None,
                )
            else:
                self.uns[k] = None
                self.record(
                    "default-scheduler",
                    EventRecord(
                        about=reference(p), type="Warning", reason="FailedScheduling", message=d.message
                    ),
                )
