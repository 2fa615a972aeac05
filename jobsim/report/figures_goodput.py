"""Where the time of JobSets went, as bars, and what their restarts were made of."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from jobsim.report.style import FAINT, INK, Picture, plain, style
from jobsim.results.ledger import ACCOUNTS
from jobsim.results.recorder import JobSetRecord, Recorder
from jobsim.results.restarts import PARTS, Restart
from jobsim.units import short_duration

ACCOUNT_COLOURS = {
    "useful": "#009E73",
    "queued": "#DADADA",
    "starting": "#56B4E9",
    "restarting": "#E69F00",
    "rework": "#D55E00",
    "checkpoint": "#0072B2",
    "stalled": "#8A8A8A",
    "degraded": "#CC79A7",
}
PART_COLOURS = {
    "rework": "#D55E00",
    "detect": "#CC79A7",
    "drain": "#E69F00",
    "decide": "#222222",
    "teardown": "#F0E442",
    "create": "#56B4E9",
    "place": "#DADADA",
    "start": "#0072B2",
    "restore": "#009E73",
}
_JOBSETS_MAX = 12
_CAUSES_MAX = 12
#: Beyond this many restarts a bar is the mean of all of one cause.
RESTARTS_MAX = 24
_WIDTH = 10.0


def ledger(recorder: Recorder, now: int) -> Picture | None:
    """Draw the accounts of each JobSet as one bar, and below what each cause took; None without any.

    Parameters
    ----------
    recorder : Recorder
    now : int
        End of the run, ns.
    """
    records = [r for r in recorder.jobsets.values() if r.ledger.elapsed(now) > 0][:_JOBSETS_MAX]
    if not records:
        return None
    with style():
        causes = _causes(records, now)
        below = 0.55 + 0.26 * len(causes) if causes else 0.0
        bars = 0.15 + 0.42 * len(records)
        height = 1.1 + bars + below
        picture = Picture(_WIDTH, height)
        axes = picture.add_axes((0.2, (0.62 + below) / height, 0.71, bars / height))
        for y, record in enumerate(records):
            _bar(axes, y, record, now)
        axes.set_xlim(0, 100)
        axes.set_ylim(len(records) - 0.4, -0.6)
        axes.set_yticks(range(len(records)), [record.gang.name for record in records], weight="bold")
        axes.tick_params(left=False)
        axes.set_xlabel("share of the time [%]")
        plain(axes)
        seen = [a for a in ACCOUNTS if any(r.ledger.accounts[a] for r in records)]
        handles = [Patch(facecolor=ACCOUNT_COLOURS[a], label=a) for a in seen]
        picture.legend(handles=handles, loc="upper center", ncols=8, frameon=False, fontsize=8)
        if causes:
            _draw_causes(picture.add_axes((0.2, 0.5 / height, 0.71, (below - 0.45) / height)), causes)
    return picture


def _causes(records: Sequence[JobSetRecord], now: int) -> list[tuple[str, float, float]]:
    """Return what took most: (cause, lost, degraded), percent of the JobSet's time."""
    found = []
    for record in records:
        losses, elapsed = record.ledger.losses, record.ledger.elapsed(now)
        for cause in {**losses.by_cause, **losses.degraded}:
            parts = [100 * each.get(cause, 0) / elapsed for each in (losses.by_cause, losses.degraded)]
            name = cause if len(records) == 1 else f"{record.gang.name}: {cause}"
            found.append((name, parts[0], parts[1]))
    return sorted(found, key=lambda row: (-row[1] - row[2], row[0]))[:_CAUSES_MAX]


def _draw_causes(axes: Axes, causes: Sequence[tuple[str, float, float]]) -> None:
    for y, (_, lost, degraded) in enumerate(causes):
        axes.barh(y, lost, height=0.7, color=INK, linewidth=0)
        axes.barh(y, degraded, left=lost, height=0.7, color=ACCOUNT_COLOURS["degraded"], linewidth=0)
        axes.annotate(
            f"{lost + degraded:.2g} %",
            (lost + degraded, y),
            (4, 0),
            textcoords="offset points",
            va="center",
            size=7,
            color=FAINT,
        )
    axes.set_ylim(len(causes) - 0.4, -0.6)
    axes.set_yticks(range(len(causes)), [name for name, _, _ in causes], size=8)
    axes.tick_params(left=False)
    axes.set_xlabel("by cause: lost to interruptions (dark), degraded (pink) [% of the time]")
    plain(axes)


def _bar(axes: Axes, y: int, record: JobSetRecord, now: int) -> None:
    total = record.ledger.total(now)
    elapsed = record.ledger.elapsed(now)
    left = 0.0
    for account in ACCOUNTS:
        share = 100 * total[account] / elapsed
        axes.barh(y, share, left=left, height=0.7, color=ACCOUNT_COLOURS[account], linewidth=0)
        if share > 3.5:
            axes.text(left + share / 2, y, f"{share:.1f}", ha="center", va="center", size=7.5, color="white")
        left += share


def waterfall(recorder: Recorder, now: int) -> Picture | None:
    """Draw each restart as a bar of its parts, the step time that it undid in front; None without restarts.

    Beyond ``RESTARTS_MAX`` restarts, each bar is the mean of all with one cause.

    Parameters
    ----------
    recorder : Recorder
    now : int
        End of the run, ns.
    """
    found = [
        (record, restart)
        for record in recorder.jobsets.values()
        for restart in record.clock.records
        if restart.kind not in ("start", "resume")
    ]
    if not found:
        return None
    bars = _means(found, now) if len(found) > RESTARTS_MAX else _each(found, now)
    with style():
        height = 1.2 + 0.24 * len(bars)
        picture = Picture(_WIDTH, height)
        axes = picture.add_axes((0.26, 0.55 / height, 0.66, 1 - 1.0 / height))
        for y, (_, parts) in enumerate(bars):
            left = 0.0
            for part, colour in PART_COLOURS.items():
                axes.barh(y, parts[part] / 1e9, left=left, height=0.7, color=colour, linewidth=0)
                left += parts[part] / 1e9
            text = short_duration(round(sum(parts.values())))
            axes.text(left, y, f" {text}", va="center", size=7, color=FAINT)
        axes.set_ylim(len(bars) - 0.4, -0.6)
        axes.set_yticks(range(len(bars)), [label for label, _ in bars], size=7.5)
        axes.tick_params(left=False)
        axes.set_xlabel("time lost [s]")
        axes.margins(x=0.08)
        plain(axes)
        handles = [Patch(facecolor=colour, label=part) for part, colour in PART_COLOURS.items()]
        picture.legend(handles=handles, loc="upper center", ncols=9, frameon=False, fontsize=8)
    return picture


Bars = list[tuple[str, dict[str, float]]]


def _parts(restart: Restart, now: int) -> dict[str, float]:
    return {"rework": restart.rework_ns, **restart.parts(now)}


def _each(found: Sequence[tuple[JobSetRecord, Restart]], now: int) -> Bars:
    return [
        (f"{record.gang.name} {restart.kind} {restart.number} {restart.cause}".rstrip(), _parts(restart, now))
        for record, restart in found
    ]


def _means(found: Sequence[tuple[JobSetRecord, Restart]], now: int) -> Bars:
    groups: dict[str, list[dict[str, float]]] = {}
    for _, restart in found:
        groups.setdefault(restart.cause or "other", []).append(_parts(restart, now))
    bars: Bars = []
    for cause, rows in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        means = {part: sum(row[part] for row in rows) / len(rows) for part in ("rework", *PARTS)}
        bars.append((f"{cause} (mean of {len(rows)})", means))
    return bars
