"""What ``jobsim run`` ends with on a terminal: the cluster as it was left, restarts, time, expectations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jobsim.api.batch import Job
from jobsim.api.jobset import JOBSET_NAME
from jobsim.api.meta import Object
from jobsim.api.pod import Pod
from jobsim.report import tables
from jobsim.results import placement
from jobsim.results.explain_facts import clock
from jobsim.results.layout import table
from jobsim.results.log import Row, decode
from jobsim.results.pod_status import pod_status
from jobsim.results.printers import job_status
from jobsim.simulate import Run
from jobsim.units import parse_duration

_STOPS = {
    "finished": "nothing is left to happen",
    "until": "the time asked for",
    "limit": "the longest time without --until",
    "stalled": "what is left to happen never will",
}
#: What is said in front of the name of each kind of stall; else its own word.
_WAITS_IN_VAIN = {
    "drain": "drain of node",
    "terminating": "pods of dead node",
    "pending": "pod",
    "deletion": "deletion of",
}
#: Beyond this many lines the middle of a table is left out; the files have all of it.
_LINES_MAX = 40


def of_run(run: Run) -> str:
    """Return the text; sections that have nothing to say are left out."""
    sections = [
        _title(run),
        _jobsets(run),
        _restarts(run),
        _goodput(run),
        _causes(run),
        _placements(run),
        _faults(run),
        _unfinished(run),
        _expectations(run),
        _warnings(run),
        _stalled(run),
        _end(run),
    ]
    return "\n".join(section for section in sections if section)


def _title(run: Run) -> str:
    meta = run.scenario.metadata
    head = ": ".join(part for part in (meta.name, meta.description) if part)
    return f"{head}\n" if head else ""


def _jobsets(run: Run) -> str:
    """One line for each JobSet, deleted ones too, with what is left of its Jobs and pods."""
    rows = run.jobsets()
    jobs = _by_jobset(run, run.reader.list(Job), job_status)
    pods = _by_jobset(run, run.reader.list(Pod), pod_status)
    spaces = len({row["namespace"] for row in rows}) > 1
    header = ["NAME", "TERMINALSTATE", "RESTARTS", "CREATED", "FINISHED", "JOBS", "PODS"]
    lines = [
        [
            *([row["namespace"]] if spaces else []),
            row["name"],
            row["terminalState"] or ("Deleted" if row["deleted"] else ""),
            _restart_count(row),
            _instant(row["createdAt"]),
            _instant(row["finishedAt"]),
            "deleted" if row["deleted"] else _counted(jobs.get((row["namespace"], row["name"]), {})),
            "deleted" if row["deleted"] else _counted(pods.get((row["namespace"], row["name"]), {})),
        ]
        for row in rows
    ]
    shown = _cut(table(["NAMESPACE", *header] if spaces else header, lines)) if rows else ""
    others = [
        f"{label} of no JobSet: {_counted(counts[('', '')])}\n"
        for label, counts in (("Jobs", jobs), ("Pods", pods))
        if ("", "") in counts
    ]
    counts = run.summary()["pods"]
    total = ", ".join(f"{count} {word}" for word, count in counts.items())
    return f"{shown}{''.join(others)}Pods in all: {total}\n"


def _by_jobset(run: Run, objects: Iterable[Any], status: Any) -> dict[tuple[str, str], dict[str, int]]:
    """Count objects by JobSet (none: two empty words) and by their status."""
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for obj in objects:
        owner = _owner(obj)
        words = counts.setdefault(owner, {})
        word = status(obj)
        words[word] = words.get(word, 0) + 1
    return counts


def _owner(obj: Object) -> tuple[str, str]:
    name = obj.metadata.labels.get(JOBSET_NAME, "")
    return (obj.namespace, name) if name else ("", "")


def _counted(words: Mapping[str, int]) -> str:
    return ", ".join(f"{words[word]} {word}" for word in sorted(words)) or "-"


def _restart_count(row: Mapping[str, Any]) -> str:
    counted = row["restartsCountTowardsMax"]
    return str(row["restarts"]) if counted == row["restarts"] else f"{row['restarts']} ({counted} counted)"


def _instant(seconds: float | None) -> str:
    return "-" if seconds is None else clock(parse_duration(seconds))


def _restarts(run: Run) -> str:
    records = run.restarts()
    return f"Starts and restarts\n{_cut(tables.restarts(records))}" if len(records) else ""


def _goodput(run: Run) -> str:
    ledgers = run.goodput()
    return f"Where the time went\n{_cut(tables.goodput(ledgers))}" if len(ledgers) else ""


def _causes(run: Run) -> str:
    """What each cause of interruptions took, where something was left to chance or slow."""
    shown = tables.causes(run.jobsets()) if run.scenario.failures else ""
    return f"What failures cost\n{_cut(shown)}" if shown else ""


def _faults(run: Run) -> str:
    """What went wrong on purpose, and how often."""
    counts = run.summary()["faults"]
    lines = "".join(f"{count:>5} x {text}\n" for text, count in counts.items())
    return f"Faults\n{_cut(lines)}" if lines else ""


def _placements(run: Run) -> str:
    header, *rows = placement.cells(run.jobsets())
    lines = table([str(cell) for cell in header], rows) if rows else ""
    return f"{placement.TITLE}\n{_cut(lines)}" if rows else ""


def _unfinished(run: Run) -> str:
    """What the cluster warned of, the latest of each kind, when a JobSet came to no end."""
    waiting = [row["name"] for row in run.jobsets() if not (row["terminalState"] or row["deleted"])]
    latest: dict[str, tuple[int, Row]] = {}
    for line in run.log.lines() if waiting else ():
        if b'"note":"event"' in line and b'"type":"Warning"' in line:
            row = decode(line)
            count, _ = latest.pop(row["reason"], (0, row))
            latest[row["reason"]] = (count + 1, row)
    lines = []
    for count, row in latest.values():
        about = f"{row['about']['kind'].lower()}/{row['about']['name']}"
        times = f" ({count} such warnings)" if count > 1 else ""
        lines.append(f"{clock(row['time'])} {row['reason']} {about}: {row['message']}{times}\n")
    if not waiting:
        return ""
    one = f"jobsim explain jobset/{waiting[0]}"
    return f"Not finished: {', '.join(waiting)} (why: {one})\n{_cut(''.join(lines))}"


def _expectations(run: Run) -> str:
    rows = ((("ok" if verdict.ok else "FAILED"), verdict.text) for verdict in run.verdicts)
    lines = "".join(f"{word:<8}{text}\n" for word, text in rows)
    return f"Expected\n{lines}" if lines else ""


def _warnings(run: Run) -> str:
    return _cut("".join(f"warning: {text}\n" for text in run.summary()["warnings"]))


def stalls(summary: Mapping[str, Any]) -> list[str]:
    """Return a line for each thing that waited in vain when the run ended."""
    return [
        f"stalled: {_WAITS_IN_VAIN.get(row['what'], row['what'])} {row['name']}, "
        f"since {_instant(row['since'])}: {row['message']}"
        for row in summary["stalls"]
    ]


def _stalled(run: Run) -> str:
    return _cut("".join(f"{line}\n" for line in stalls(run.summary())))


def _end(run: Run) -> str:
    summary = run.summary()
    why = _STOPS.get(summary["stop"], summary["stop"])
    return (
        f"{clock(run.end)} simulated ({why}), {summary['apiWrites']} API writes, "
        f"seed {summary['seed']}, digest {summary['digest'][:16]}\n"
    )


def _cut(text: str) -> str:
    """Return lines without the middle of a table that is too long for a screen."""
    return "".join(_shortened(text.splitlines(keepends=True)))


def _shortened(lines: list[str]) -> Iterator[str]:
    if len(lines) <= _LINES_MAX:
        yield from lines
        return
    half = _LINES_MAX // 2
    yield from lines[:half]
    yield f"... {len(lines) - 2 * half} more ...\n"
    yield from lines[-half:]
