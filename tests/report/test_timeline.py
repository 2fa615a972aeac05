"""The timeline: what its rows say, how it thins out with size, and that its bytes are the run's."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobsim.api.core import Node
from jobsim.api.meta import ObjectMeta
from jobsim.report.figures_spans import Span, life_spans, natural, rows, slots, totals, worst
from jobsim.report.style import PHASE_COLOURS, time_unit
from jobsim.report.timeline import timeline
from jobsim.results.lives import PodLife
from jobsim.units import DAY, HOUR, MINUTE, SECOND
from tests.results.story import rjob
from tests.results.test_ledger import Play, fail_and_restart, two_jobs


@pytest.fixture
def play() -> Play:
    return Play()


def with_racks(play: Play, racks: int, nodes: int) -> None:
    for n in range(racks * nodes):
        labels = {"topology.jobsim/rack": f"h-r{n // nodes}", "topology.jobsim/block": "h-b0"}
        play.create(Node(metadata=ObjectMeta(name=f"node-{n}", labels=labels)))


def gang(play: Play, jobs: int, pods: int) -> None:
    """A gang whose Job i runs on rack i."""
    with_racks(play, jobs, pods)
    jobset = play.jobset("train", rjob("workers", replicas=jobs, pods=pods))
    for i in range(jobs):
        job = play.at(1).job(jobset, "workers", i)
        for n, pod in enumerate(play.pods(job)):
            play.at(2).bind(pod, f"node-{i * pods + n}")
            play.at(3 + n).run(pod)
    play.at(50)


def life(**instants: int) -> PodLife:
    made = PodLife()
    made.created = 0
    for name, value in instants.items():
        setattr(made, name, value)
    return made


LIVES = {
    "pending": (life(), [(0, 100, "pending")]),
    "ready at once": (
        life(bound=1, running=3, ready=3),
        [(0, 1, "pending"), (1, 3, "starting"), (3, 100, "ready")],
    ),
    "told to stop": (
        life(bound=0, running=2, ready=5, terminating=9, finished=11, outcome="Failed", gone=12),
        [(0, 2, "starting"), (2, 5, "running"), (5, 9, "ready"), (9, 12, "terminating")],
    ),
    "failed, then cleaned away": (
        life(bound=0, running=0, ready=0, finished=7, outcome="Failed", terminating=9, gone=10),
        [(0, 7, "ready"), (7, 10, "failed")],
    ),
    "succeeded": (
        life(bound=0, running=4, finished=7, outcome="Succeeded"),
        [(0, 4, "starting"), (4, 7, "running"), (7, 100, "succeeded")],
    ),
}


@pytest.mark.parametrize("name", LIVES)
def test_phases_of_a_life(name: str) -> None:
    lived, spans = LIVES[name]
    assert life_spans(lived, 100) == [Span(*span) for span in spans]


def test_pods_that_follow_each_other_share_a_row(play: Play) -> None:
    fail_and_restart(play, *two_jobs(play))
    end = 150 * SECOND
    found = slots(play.recorder.pods, {}, end)
    assert [(slot.job, slot.place) for slot in found] == [
        ("train-workers-0", 0),
        ("train-workers-0", 1),
        ("train-workers-1", 0),
        ("train-workers-1", 1),
    ]
    failed = found[0].spans
    assert [(s.start // SECOND, s.end // SECOND, s.phase) for s in failed] == [
        (2, 3, "pending"),
        (3, 5, "starting"),
        (5, 100, "ready"),
        (100, 110, "failed"),
        (120, 150, "ready"),
    ]


def test_pods_without_an_index_take_free_places() -> None:
    lives = [
        life(namespace="d", job="j", name="a", index=-1, created=0, finished=5, outcome="Failed"),
        life(namespace="d", job="j", name="b", index=-1, created=0),
        life(namespace="d", job="j", name="c", index=-1, created=6),
        life(namespace="d", job="", name="alone", index=-1, created=0),
    ]
    found = slots(lives, {}, 10)
    assert [(slot.job, slot.place, len(slot.spans)) for slot in found] == [
        ("alone", 0, 1),
        ("j", 0, 3),
        ("j", 1, 1),
    ]


def test_a_row_of_many_shows_the_one_furthest_behind() -> None:
    many = [
        [Span(0, 4, "starting"), Span(4, 9, "ready")],
        [Span(0, 2, "starting"), Span(2, 6, "ready"), Span(6, 8, "failed")],
    ]
    assert worst(many) == [
        Span(0, 4, "starting"),
        Span(4, 6, "ready"),
        Span(6, 8, "failed"),
        Span(8, 9, "ready"),
    ]
    times, counts = totals(many)
    assert times == [0, 2, 4, 6, 8, 9]
    assert counts["ready"] == [0, 1, 2, 1, 1, 0]
    assert counts["failed"] == [0, 0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("most", "what", "labels", "groups"),
    [
        (6, "pods", ["train-workers-0-0", "train-workers-0-1"], ["h-r0", "h-r0"]),
        (4, "Jobs", ["train-workers-0", "train-workers-1"], ["h-r0", "h-r1"]),
        (2, "racks", ["h-r0", "h-r1"], ["h-b0", "h-b0"]),
    ],
)
def test_rows_thin_out(play: Play, most: int, what: str, labels: list[str], groups: list[str]) -> None:
    gang(play, 3, 2)
    found = slots(play.recorder.pods, play.recorder.nodes, play.now)
    kind, lines = rows(found, most=most)
    assert kind == what
    assert [line.label for line in lines[:2]] == labels
    assert [line.group for line in lines[:2]] == groups


def test_names_are_sorted_by_their_numbers() -> None:
    assert sorted(["r10", "r2", "a", "r2b"], key=natural) == ["a", "r2", "r2b", "r10"]


@pytest.mark.parametrize(
    ("span", "unit"), [(2 * SECOND, "s"), (10 * MINUTE, "min"), (3 * HOUR, "h"), (54 * DAY, "d")]
)
def test_time_is_told_in_a_unit_that_suits(span: int, unit: str) -> None:
    assert time_unit(span)[0] == unit


@pytest.mark.parametrize("rows_max", [64, 2, 1])
def test_the_same_run_gives_the_same_bytes_also_from_its_log(
    play: Play, tmp_path: Path, rows_max: int
) -> None:
    jobset, jobs, pods = two_jobs(play)
    fail_and_restart(play, jobset, jobs, pods)
    play.at(200).finish(jobset)
    path = tmp_path / "t.png"
    picture = timeline(play.recorder, path, rows_max=rows_max)
    png = path.read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert b"matplotlib" not in png
    assert timeline(play.recorder.log, rows_max=rows_max).png() == png == picture._repr_png_()
    svgs = []
    for name in ("a.svg", "b.svg"):
        timeline(play.recorder, tmp_path / name, rows_max=rows_max)
        svgs.append((tmp_path / name).read_text())
    assert svgs[0] == svgs[1]
    assert "train: 4 pods, 1 restart" in svgs[0]
    assert "restart 1" in svgs[0]


def test_what_a_jobset_is_at_is_said_on_top(play: Play) -> None:
    jobset, jobs, pods = two_jobs(play)
    fail_and_restart(play, jobset, jobs, pods)
    play.at(170).condition(jobset, "RestartingJobSet", "False")
    play.at(300).finish(jobset)
    strip = timeline(play.recorder, end_ns=400 * SECOND, fold=False).axes[0]
    said = [text.get_text() for text in strip.texts]
    assert said == ["Running", "Restarting", "Running", "Completed", "restart 1"]


def test_failures_are_marked_with_their_causes(play: Play) -> None:
    jobset, jobs, pods = two_jobs(play)
    hit = {"entity": "node-1", "cause": "gpu", "jobsets": ["default/train"]}
    play.recorder.note(60 * SECOND, "failure", effect="degrade", factor=0.5, **hit | {"cause": "fan"})
    play.recorder.note(70 * SECOND, "failure", effect="crash", entity="node-9", cause="elsewhere")
    play.recorder.note(90 * SECOND, "fault", effect="pod-fails", **hit)
    play.recorder.note(100 * SECOND, "failure", effect="pod-fails", **hit)
    play.at(100)
    fail_and_restart(play, jobset, jobs, pods)
    play.at(200).finish(jobset)
    picture = timeline(play.recorder, end_ns=240 * SECOND, fold=False)
    strip = picture.axes[0]
    assert [text.get_text() for text in strip.texts][-2:] == ["fan\nslow", "gpu\nrestart 1"]
    [legend] = picture.legends
    explained = [text.get_text() for text in legend.get_texts()]
    assert explained[-3:] == ["failure", "fault, not noticed yet", "slow part"]
    drawn = [
        tuple(point)
        for marks in strip.collections
        for point in marks.get_offsets()
        if len(marks.get_offsets())
    ]
    at = sorted(x for x, y in drawn if y == pytest.approx(0.06))
    assert [round(x / SECOND) for x in at] == [60, 90, 100]
    # From a log it is the same picture.
    assert timeline(play.recorder.log, end_ns=240 * SECOND, fold=False).png() == picture.png()


def test_quiet_times_are_shortened_and_said_so(play: Play) -> None:
    jobset, _, _ = two_jobs(play)
    play.at(3600).finish(jobset)
    bottom = timeline(play.recorder).axes[-1]
    assert bottom.get_xlabel() == "time since the start (quiet times shortened)"
    assert bottom.texts[-1].get_text() == "59m49s"
    assert timeline(play.recorder, fold=False).axes[-1].get_xlabel() == "time since the start [min]"


def test_an_empty_run_is_a_picture_too(play: Play) -> None:
    assert timeline(play.recorder).png()[:4] == b"\x89PNG"


def test_without_a_display_show_says_what_to_do(play: Play) -> None:
    with pytest.warns(UserWarning, match="save"):
        timeline(play.recorder).show()


def test_phases_have_a_colour_each() -> None:
    assert len(set(PHASE_COLOURS.values())) == len(PHASE_COLOURS) == 7
