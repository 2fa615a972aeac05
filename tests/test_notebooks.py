"""Every notebook source runs, and the notebook beside it was made from it."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from notebooks.__main__ import ROOT, agree, sources


@pytest.mark.slow
@pytest.mark.parametrize("source", sources(), ids=lambda path: path.stem)
def test_source_runs(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert runpy.run_path(str(source), run_name="__notebook__")["__name__"] == "__notebook__"


@pytest.mark.parametrize("source", sources(), ids=lambda path: path.stem)
def test_notebook_agrees_with_its_source(source: Path) -> None:
    assert agree(source), f"{source.stem}.ipynb is not of this source: make notebooks"
