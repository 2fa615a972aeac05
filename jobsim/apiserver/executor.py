"""The plan executor: the five rules of ``api.plan``, once, for every shell.

The rules are a generator that knows neither time nor transport.  It yields a step and is sent
back what became of it; whoever drives it decides how writes travel: at once (property tests,
conformance cases, a client without latency) or through rate limits and delays (the simulation).
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from jobsim.api._struct import Struct, replace
from jobsim.api.gofmt import sprintf
from jobsim.api.plan import Chain, EventRecord, OnError, Outcome, Plan, Step, WriteResult, single
from jobsim.api.writes import Update, UpdateStatus, Write
from jobsim.errors import ApiError

ChainResults = tuple[WriteResult, ...]
StepResults = tuple[ChainResults, ...]
Send = Callable[[Write], WriteResult]
Record = Callable[[EventRecord], None]


class Finish(Struct):
    """How a pass ended: its error text if any, and when to look again (next to an error: rarely)."""

    error: str | None = None
    requeue_after_ns: int | None = None


def run_chain(chain: Chain, ignore: tuple[str, ...]) -> Generator[Write, WriteResult, ChainResults]:
    """Yield the writes of a chain one by one (rules 1 and 2); return what became of them.

    An ignored error is recorded as success (``error`` None, ``obj`` None).
    """
    done: list[WriteResult] = []
    version = ""
    last = len(chain.writes) - 1
    for position, write in enumerate(chain.writes):
        if version and isinstance(write, Update | UpdateStatus) and write.obj.metadata.resource_version:
            write = replace(write, obj=write.obj.with_meta(resource_version=version))
        result = yield write
        if result.error is not None:
            ignored = (*ignore, *chain.ignore_last) if position == last else ignore
            if result.error.reason not in ignored:
                done.append(result)
                break
            result = WriteResult(write=write, at=result.at)
        if result.obj is not None:
            version = result.obj.metadata.resource_version
        done.append(result)
    return tuple(done)


def step_errors(step: Step, results: StepResults) -> list[str]:
    """Return the formatted error texts of a step's chains, in chain order."""
    texts = []
    for chain, chain_results in zip(step.chains, results, strict=False):
        for result in chain_results:
            if result.error is not None:
                texts.append(chain.error_format.replace("{}", result.error.message))
    return texts


class Shell(Struct):
    """What a shell does for a plan besides writing: keep events, memory and counters."""

    record: Record
    remember: Callable[[Struct], None]
    count: Callable[[str], None]


def execute(plan: Plan, shell: Shell) -> Generator[Step, StepResults, Finish]:
    """Yield the steps of a plan in order; record its events; return how the pass ended."""
    failed: str | None = None
    while True:
        if plan.memory is not None:
            shell.remember(plan.memory)
        for event in plan.notices:
            shell.record(event)
        done: list[StepResults] = []
        for step in plan.steps:
            results = yield step
            done.append(results)
            errors = step_errors(step, results)
            if errors:
                if step.on_error is not None:
                    for event in _warnings(step.on_error, errors):
                        shell.record(event)
                failed = failed or "\n".join(errors)
                break
        else:
            for metric in plan.metrics:
                shell.count(metric)
        failed = failed or plan.error
        if plan.then is None:
            break
        following = plan.then(Outcome(steps=tuple(done)))
        # The requeue wish of an earlier part holds unless the continuation has one of its own.
        if following.requeue_after_ns is None:
            wish, always = plan.requeue_after_ns, plan.requeue_always
            following = replace(following, requeue_after_ns=wish, requeue_always=always)
        plan = following
    if failed is not None:
        return Finish(error=failed, requeue_after_ns=plan.requeue_after_ns if plan.requeue_always else None)
    if plan.status is not None:
        step = single(plan.status)
        errors = step_errors(step, (yield step))
        if errors:
            return Finish(error=errors[0])
    for event in plan.events:
        shell.record(event)
    return Finish(requeue_after_ns=plan.requeue_after_ns)


def _warnings(on_error: OnError, errors: list[str]) -> list[EventRecord]:
    """Return the events of a failed step."""
    texts = errors if on_error.each else ["\n".join(errors)]
    return [
        EventRecord(
            about=on_error.about,
            type="Warning",
            reason=on_error.reason,
            message=sprintf(text) if on_error.printf else text,
        )
        for text in texts
    ]


def drive_chain(chain: Chain, ignore: tuple[str, ...], send: Send) -> ChainResults:
    """Run one chain with a sender that answers at once."""
    if len(chain.writes) == 1:
        # Nearly all chains: the rules come down to "ignored errors are success".
        result = send(chain.writes[0])
        if result.error is not None and result.error.reason in (*ignore, *chain.ignore_last):
            result = WriteResult(write=result.write)
        return (result,)
    running = run_chain(chain, ignore)
    try:
        write = next(running)
        while True:
            write = running.send(send(write))
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


def drive_step(step: Step, send: Send) -> StepResults:
    """Run the chains of a step one after the other, as a single worker would."""
    results: list[ChainResults] = []
    for chain in step.chains:
        results.append(drive_chain(chain, step.ignore, send))
        if step.mode == "first-error" and any(r.error is not None for r in results[-1]):
            break
    return tuple(results)


def drive(plan: Plan, send: Send, shell: Shell) -> Finish:
    """Execute a whole plan with a sender that answers at once.

    Parameters
    ----------
    plan : Plan
    send : callable
        Applies a write; returns the object as stored or the error, never raises ``ApiError``.
    shell : Shell
    """
    running = execute(plan, shell)
    try:
        step = next(running)
        while True:
            step = running.send(drive_step(step, send))
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


def result_of(write: Write, apply: Callable[[], object]) -> WriteResult:
    """Turn a store call that returns an object or raises ``ApiError`` into a result."""
    try:
        obj = apply()
    except ApiError as err:
        return WriteResult(write=write, error=err)
    return WriteResult(write=write, obj=obj)  # type: ignore[arg-type]
