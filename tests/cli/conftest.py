"""The command line as tests call it: in this process, and in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from jobsim.cli import cli

ROOT = Path(__file__).resolve().parents[2]
Jobsim = Callable[..., Result]


@pytest.fixture(scope="session")
def jobsim() -> Jobsim:
    """Run a command line; an error of our own is raised, not printed."""

    def run(*words: str | Path) -> Result:
        runner = CliRunner(env={"JOBSIM_DEBUG": "1", "JOBSIM_RUN": None})
        return runner.invoke(cli, [str(word) for word in words], catch_exceptions=False)

    return run


@pytest.fixture(scope="session")
def start() -> Callable[..., subprocess.Popen[str]]:
    """Start a process of jobsim, for what only a process can show."""

    def popen(*words: str | Path, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "jobsim", *map(str, words)],
            cwd=ROOT,
            env={**os.environ, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return popen


@pytest.fixture(scope="session")
def saved(jobsim: Jobsim, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a saved run: scenarios/one-pod-fails.yaml."""
    folder = tmp_path_factory.mktemp("saved") / "run"
    result = jobsim("run", ROOT / "scenarios/one-pod-fails.yaml", "--out", folder)
    assert result.exit_code == 0, result.output
    return folder
