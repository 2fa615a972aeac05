"""The five plan rules, each with its own tests (design section 1)."""

from __future__ import annotations

import pytest

from jobsim.api.batch import Job
from jobsim.api.jobset import JobSet, JobSetStatus
from jobsim.api.meta import ObjectMeta
from jobsim.api.plan import Chain, EventRecord, OnError, Plan, Step, WriteResult, parallel, reference, single
from jobsim.api.writes import Create, Delete, Update, UpdateStatus, Write
from jobsim.apiserver.executor import Shell, drive, execute
from jobsim.errors import ApiError

JOBSET = JobSet(metadata=ObjectMeta(name="train", namespace="default", resource_version="7"))
ABOUT = reference(JOBSET)
EVENT = EventRecord(about=ABOUT, type="Normal", reason="Done", message="done")


def delete(name: str) -> Delete:
    return Delete(kind="Job", namespace="default", name=name)


class Api:
    """Answers writes, refuses those named, and keeps what it saw."""

    def __init__(self, **refused: str) -> None:
        self.refused = refused
        self.seen: list[Write] = []
        self.events: list[EventRecord] = []
        self.memory: list[object] = []
        self.counted: list[str] = []
        self.shell = Shell(record=self.events.append, remember=self.memory.append, count=self.counted.append)

    def send(self, write: Write) -> WriteResult:
        self.seen.append(write)
        reason = self.refused.get(write.name.replace("-", "_"))
        if reason:
            return WriteResult(write=write, error=ApiError(reason, f"{write.name} refused"))
        obj = getattr(write, "obj", None)
        return WriteResult(write=write, obj=obj and obj.with_meta(resource_version=f"rv{len(self.seen)}"))

    @property
    def names(self) -> list[str]:
        return [w.name for w in self.seen]


class TestRule1StepsInOrderChainsHandTheVersionOn:
    def test_steps_run_in_order(self) -> None:
        api = Api()
        plan = Plan(steps=(parallel([delete("a"), delete("b")], max_parallel=50), single(delete("c"))))
        assert drive(plan, api.send, api.shell).error is None
        assert api.names == ["a", "b", "c"]

    def test_a_chain_hands_the_new_resource_version_on(self) -> None:
        job = Job(metadata=ObjectMeta(name="j", namespace="default", resource_version="3"))
        api = Api()
        chain = Chain(writes=(UpdateStatus(obj=job), Update(obj=job)))
        drive(Plan(steps=(Step(chains=(chain,)),)), api.send, api.shell)
        assert [w.obj.metadata.resource_version for w in api.seen] == ["3", "rv1"]  # type: ignore[union-attr]

    def test_a_write_without_precondition_stays_without(self) -> None:
        job = Job(metadata=ObjectMeta(name="j", namespace="default"))
        api = Api()
        chain = Chain(writes=(Create(obj=job), Update(obj=job)))
        drive(Plan(steps=(Step(chains=(chain,)),)), api.send, api.shell)
        assert api.seen[1].obj.metadata.resource_version == ""  # type: ignore[union-attr]

    def test_side_by_side_chains_are_all_tried(self) -> None:
        api = Api(a="Forbidden")
        step = parallel([delete("a"), delete("b")], max_parallel=50)
        assert drive(Plan(steps=(step,)), api.send, api.shell).error == "a refused"
        assert api.names == ["a", "b"]

    def test_first_error_mode_begins_no_further_chain(self) -> None:
        api = Api(a="Forbidden")
        step = Step(chains=(Chain(writes=(delete("a"),)), Chain(writes=(delete("b"),))), mode="first-error")
        drive(Plan(steps=(step,)), api.send, api.shell)
        assert api.names == ["a"]


class TestRule2IgnoredErrorsAreSuccess:
    def test_ignored(self) -> None:
        api = Api(a="NotFound")
        plan = Plan(steps=(single(delete("a"), ignore=("NotFound",)), single(delete("b"))))
        assert drive(plan, api.send, api.shell).error is None
        assert api.names == ["a", "b"]

    def test_a_chain_goes_on_after_an_ignored_error(self) -> None:
        api = Api(a="AlreadyExists")
        step = Step(chains=(Chain(writes=(delete("a"), delete("b"))),), ignore=("AlreadyExists",))
        drive(Plan(steps=(step,)), api.send, api.shell)
        assert api.names == ["a", "b"]

    def test_a_chain_stops_at_its_first_other_error(self) -> None:
        api = Api(a="Conflict")
        step = Step(chains=(Chain(writes=(delete("a"), delete("b"))), Chain(writes=(delete("c"),))))
        assert drive(Plan(steps=(step,)), api.send, api.shell).error == "a refused"
        assert api.names == ["a", "c"]


class TestRule3AfterAnErrorNothingLaterRuns:
    def test_no_step_no_status_no_event(self) -> None:
        api = Api(a="InternalError")
        plan = Plan(
            steps=(single(delete("a")), single(delete("b"))),
            status=UpdateStatus(obj=JOBSET),
            events=(EVENT,),
            requeue_after_ns=5,
        )
        finish = drive(plan, api.send, api.shell)
        assert (finish.error, finish.requeue_after_ns) == ("a refused", None)
        assert api.names == ["a"]
        assert api.events == []

    def test_on_error_is_recorded_with_the_joined_texts(self) -> None:
        api = Api(a="Forbidden", c="AlreadyExists")
        chains = tuple(Chain(writes=(delete(n),), error_format=f'job "{n}" failed: {{}}') for n in "abc")
        step = Step(chains=chains, max_parallel=50, on_error=OnError(about=ABOUT, reason="JobCreationFailed"))
        finish = drive(Plan(steps=(step,)), api.send, api.shell)
        text = 'job "a" failed: a refused\njob "c" failed: c refused'
        assert finish.error == text
        assert api.events == [
            EventRecord(about=ABOUT, type="Warning", reason="JobCreationFailed", message=text)
        ]

    def test_an_error_of_the_decision_ends_the_pass_after_its_steps(self) -> None:
        api = Api()
        plan = Plan(steps=(single(delete("a")),), status=UpdateStatus(obj=JOBSET), error="bad label")
        assert drive(plan, api.send, api.shell).error == "bad label"
        assert api.names == ["a"]


class TestRule4StatusOnceLastEventsAfterIt:
    def test_order(self) -> None:
        api = Api()
        plan = Plan(
            steps=(single(delete("a")),), status=UpdateStatus(obj=JOBSET), events=(EVENT,), requeue_after_ns=9
        )
        assert drive(plan, api.send, api.shell).requeue_after_ns == 9
        assert api.names == ["a", "train"]
        assert api.events == [EVENT]

    def test_no_events_when_the_status_write_fails(self) -> None:
        api = Api(train="Conflict")
        finish = drive(Plan(status=UpdateStatus(obj=JOBSET), events=(EVENT,)), api.send, api.shell)
        assert finish.error == "train refused"
        assert api.events == []


class TestRule5CrashBetweenAnyTwoWrites:
    @pytest.mark.parametrize("made", range(5))
    def test_the_prefix_stays_applied(self, made: int) -> None:
        """Stop after each number of writes: exactly these were made, in the order of the whole run."""
        plan = Plan(
            steps=(parallel([delete("a"), delete("b")], max_parallel=2), single(delete("c"))),
            status=UpdateStatus(obj=JOBSET),
            events=(EVENT,),
        )
        whole = Api()
        drive(plan, whole.send, whole.shell)
        api = Api()

        class Crash(Exception):
            pass

        def send(write: Write) -> WriteResult:
            if len(api.seen) == made:
                raise Crash
            return api.send(write)

        if made < len(whole.seen):
            with pytest.raises(Crash):
                drive(plan, send, api.shell)
            assert api.events == []
        else:
            drive(plan, send, api.shell)
        assert api.names == whole.names[:made]


class TestContinuations:
    def test_then_sees_what_was_made_even_after_an_error(self) -> None:
        api = Api(b="Forbidden")
        got = []

        def then(outcome: object) -> Plan:
            got.append([r.error is None for r in outcome.results(0)])  # type: ignore[attr-defined]
            return Plan(steps=(single(delete("status")),), memory=JobSetStatus(restarts=1), metrics=("m",))

        step = parallel([delete("a"), delete("b"), delete("c")], max_parallel=3)
        finish = drive(Plan(steps=(step, single(delete("never"))), then=then), api.send, api.shell)
        assert finish.error == "b refused"
        assert got == [[True, False, True]]
        assert api.names == ["a", "b", "c", "status"]
        assert api.memory == [JobSetStatus(restarts=1)]
        assert api.counted == ["m"]

    def test_the_requeue_wish_of_the_first_part_holds(self) -> None:
        api = Api()
        plan = Plan(requeue_after_ns=3, then=lambda outcome: Plan(notices=(EVENT,)))
        assert drive(plan, api.send, api.shell).requeue_after_ns == 3
        assert api.events == [EVENT]

    def test_results_of_a_step_that_was_not_begun_are_empty(self) -> None:
        api = Api(a="Conflict")
        seen: list[tuple[WriteResult, ...]] = []

        def then(outcome: object) -> Plan:
            seen.append(outcome.results(1))  # type: ignore[attr-defined]
            assert outcome.error is not None  # type: ignore[attr-defined]
            return Plan()

        drive(Plan(steps=(single(delete("a")), single(delete("b"))), then=then), api.send, api.shell)
        assert seen == [()]


def test_execution_is_a_generator_without_transport() -> None:
    running = execute(Plan(steps=(single(delete("a")),)), Api().shell)
    assert next(running).chains[0].writes == (delete("a"),)


class TestIgnoreLast:
    """``ignore_last`` holds for the last write of a chain, be it the only one (C-PRC-08)."""

    @pytest.mark.parametrize(
        ("names", "gone", "made", "error"),
        [
            (("a",), "a", ["a"], None),
            (("a", "b"), "b", ["a", "b"], None),
            (("a", "b"), "a", ["a"], "a refused"),
        ],
    )
    def test_only_the_last_write_may_find_nothing(
        self, names: tuple[str, ...], gone: str, made: list[str], error: str | None
    ) -> None:
        api = Api(**{gone: "NotFound"})
        chain = Chain(writes=tuple(delete(name) for name in names), ignore_last=("NotFound",))
        finish = drive(Plan(steps=(Step(chains=(chain,)),)), api.send, api.shell)
        assert (api.names, finish.error) == (made, error)
