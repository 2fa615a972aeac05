"""A run on one page: one HTML file that needs nothing else, neither scripts nor a network.

The same run gives the same bytes.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from jobsim.report import tables
from jobsim.report.figures_goodput import ledger, waterfall
from jobsim.report.figures_placement import placement as draw_placement
from jobsim.report.style import Picture
from jobsim.report.timeline import timeline
from jobsim.results import placement
from jobsim.results.explain_facts import clock
from jobsim.results.recorder import Recorder
from jobsim.units import parse_duration

#: Restarts that are listed one by one; the tables of ``jobsim export`` have them all.
ROWS_MAX = 200
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 76rem; margin: 2rem auto;
  padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem } img { max-width: 100% }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid #ddd; white-space: nowrap }
th { font-weight: 600; color: #555 }
.no { color: #b00020; font-weight: 600 } footer { color: #666; margin-top: 2rem }
"""

Row = Iterable[object]


def page(recorder: Recorder, summary: Mapping[str, Any], *, title: str, description: str = "") -> str:
    """Return the page of a run.

    Parameters
    ----------
    recorder : Recorder
    summary : mapping
        As ``results.summary``, with ``expectations``.
    title, description : str
    """
    end = parse_duration(summary["simulatedSeconds"])
    where = draw_placement(recorder)
    sections = [
        f"<p>{escape(description)}</p>" if description else "",
        _image("Timeline of the run", timeline(recorder)),
        "" if where is None else _image("Where JobSets stand on the network", where),
        *_goodput_pictures(recorder, end),
        _section("JobSets", _jobsets(summary)),
        _section("Starts and restarts", tables.restart_cells(recorder.restarts(end))[: ROWS_MAX + 1]),
        _section("Where the time went", tables.goodput_cells(recorder.goodput(end))),
        _section("What failures cost", tables.cause_cells(summary["jobsets"])),
        _section(
            "What the placement costs (of the least that would do)", placement.cells(summary["jobsets"])
        ),
        _expected(summary),
        _warnings(summary),
    ]
    foot = (
        f"{clock(end)} simulated ({escape(summary['stop'])}), {summary['apiWrites']} API writes, seed "
        f"{summary['seed']}, digest {summary['digest']}"
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<h1>{escape(title)}</h1>\n"
        + "\n".join(filter(None, sections))
        + f"\n<footer>{foot}</footer>\n</body>\n</html>\n"
    )


def _goodput_pictures(recorder: Recorder, end: int) -> list[str]:
    """Return the ledger's bars and the restarts' waterfall, where a JobSet restarted."""
    found = (("Where the time went", ledger(recorder, end)), ("Restarts", waterfall(recorder, end)))
    drawn = [(what, picture) for what, picture in found if picture is not None]
    return [_image(what, picture) for what, picture in drawn] if len(drawn) == 2 else []


def _image(what: str, picture: Picture) -> str:
    return f'<img alt="{what}" src="data:image/png;base64,{b64encode(picture.png()).decode()}">'


def _jobsets(summary: Mapping[str, Any]) -> list[list[object]]:
    header = ("NAMESPACE", "NAME", "TERMINALSTATE", "RESTARTS", "CREATED", "FINISHED", "ETTR")
    rows: list[list[object]] = [[*header]]
    for row in summary["jobsets"]:
        times = (row["createdAt"], row["finishedAt"])
        shown = ["-" if at is None else clock(parse_duration(at)) for at in times]
        state = row["terminalState"] or ("deleted" if row["deleted"] else "not finished")
        rows.append([row["namespace"], row["name"], state, row["restarts"], *shown, f"{row['ettr']:.4f}"])
    return rows


def _section(title: str, cells: list[list[object]]) -> str:
    """Return a heading and a table; nothing for a table without rows."""
    if len(cells) < 2:
        return ""
    head = "".join(f"<th>{escape(str(cell))}</th>" for cell in cells[0])
    body = "\n".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in cells[1:]
    )
    return f'<h2>{title}</h2>\n<div class="scroll"><table>\n<tr>{head}</tr>\n{body}\n</table></div>'


def _expected(summary: Mapping[str, Any]) -> str:
    lines = [
        f"<li>{escape(row['text'])}: " + ("ok</li>" if row["ok"] else '<span class="no">failed</span></li>')
        for row in summary.get("expectations", ())
    ]
    return "<h2>Expected</h2>\n<ul>\n" + "\n".join(lines) + "\n</ul>" if lines else ""


def _warnings(summary: Mapping[str, Any]) -> str:
    lines = [f"<li>{escape(text)}</li>" for text in summary["warnings"]]
    return "<h2>Warnings</h2>\n<ul>\n" + "\n".join(lines) + "\n</ul>" if lines else ""
