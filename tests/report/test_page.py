"""The page of a run: one file, everything escaped, the same bytes every time."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import jobsim

SCENARIO = Path(__file__).resolve().parents[2] / "scenarios/one-pod-fails.yaml"


class Outline(HTMLParser):
    """Collects tags, attributes and text, and fails on tags that are not closed."""

    VOID = ("meta", "img", "!doctype")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def outline(text: str) -> Outline:
    parser = Outline()
    parser.feed(text)
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def run() -> jobsim.Run:
    return jobsim.run(SCENARIO)


def test_page_has_every_section(run: jobsim.Run, tmp_path: Path) -> None:
    text = run.report(tmp_path / "run.html").read_text()
    words = outline(text).words
    for heading in ("JobSets", "Starts and restarts", "Where the time went", "Expected", "DETECT", "ETTR"):
        assert heading in words
    assert "one-pod-fails" in words
    assert run.digest in text


def test_page_needs_nothing_else(run: jobsim.Run, tmp_path: Path) -> None:
    text = run.report(tmp_path / "run.html").read_text()
    sources = [value for name, value in outline(text).attributes if name in ("src", "href")]
    assert len(sources) == 4
    assert all(str(source).startswith("data:image/png;base64,") for source in sources)
    assert "<script" not in text
    assert not re.search(r"https?:|url\(|@import", text)


def test_same_bytes(run: jobsim.Run, tmp_path: Path) -> None:
    one, other = run.report(tmp_path / "a.html"), jobsim.run(SCENARIO).report(tmp_path / "b.html")
    assert one.read_bytes() == other.read_bytes()


def test_names_are_escaped_and_failures_shown(tmp_path: Path) -> None:
    lab = jobsim.Scenario(
        metadata={"name": "<b>&", "description": "a < b"},
        expect=[{"jobset": "nobody"}],
        failures=[{"at": 5, "pod": "nobody-w-0-0", "exitCode": 1}],
    )
    text = jobsim.run(lab).report(tmp_path / "run.html").read_text()
    outline(text)
    assert "<h1>&lt;b&gt;&amp;</h1>" in text
    assert "<p>a &lt; b</p>" in text
    assert 'jobset nobody: exists, is not there: <span class="no">failed</span>' in text
    assert "<h2>Warnings</h2>" in text


def test_a_page_that_cannot_be_written(run: jobsim.Run, tmp_path: Path) -> None:
    with pytest.raises(jobsim.InputError, match="cannot be written"):
        run.report(tmp_path / "nowhere/run.html")
