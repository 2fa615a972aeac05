"""What only a process can show: what is loaded, signals, pipes, exit codes, no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobsim.cli.progress import Interrupt, Progress
from tests.cli.conftest import ROOT, Jobsim

Start = Callable[..., "subprocess.Popen[str]"]
HEAVY = ("simpy", "numpy", "networkx", "matplotlib", "msgspec", "yaml", "hypothesis", "re2")
#: A run that goes on for weeks of virtual time: pods without end, restarting all the time.
ENDLESS = """\
apiVersion: jobsim/v1alpha1
kind: Scenario
until: 30d
manifests:
- object:
    apiVersion: jobset.x-k8s.io/v1alpha2
    kind: JobSet
    metadata: {name: endless}
    spec:
      failurePolicy: {maxRestarts: 1000000000}
      replicatedJobs:
      - name: w
        replicas: 8
        template:
          spec:
            backoffLimit: 0
            completions: 8
            parallelism: 8
            template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}
pods:
- {run: 30s, exit: 1}
"""


def loaded_by(code: str) -> list[str]:
    """Return the heavy modules that a fresh interpreter has after running some code."""
    shown = f"{code}\nimport sys; print('\\n' + ' '.join(m for m in {HEAVY!r} if m in sys.modules))"
    out = subprocess.run([sys.executable, "-c", shown], cwd=ROOT, capture_output=True, text=True, check=True)
    return out.stdout.splitlines()[-1].split()


def test_import_and_help_load_nothing_heavy() -> None:
    """``jobsim --help`` in 0.3 s: what is loaded decides, and can be counted."""
    help_ = "from jobsim.cli import cli\ntry: cli.main(['--help'])\nexcept SystemExit: pass"
    version = help_.replace("--help", "--version")
    for code in ("import jobsim", "import jobsim; dir(jobsim)", help_, version):
        assert loaded_by(code) == [], code


def test_the_measure_sees_what_is_loaded() -> None:
    assert loaded_by("import jobsim; jobsim.Scenario") != []


def test_help_of_every_command_names_its_line() -> None:
    """The one line in the list of commands is the first sentence of the command's own help."""
    from jobsim.cli.group import COMMANDS, cli

    for name, (_, line) in COMMANDS.items():
        command = cli.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        first = " ".join(str(command.help).split("\n\n")[0].split())
        assert len(line) < 80
        assert line.split()[0] == first.split()[0], name


@pytest.mark.parametrize(
    ("words", "code", "start_of_stderr"),
    [
        (["run", "scenarios/ttl.yaml"], 0, "note: no fleet given"),
        (["run", "nowhere.yaml"], 2, "error: nowhere.yaml: cannot be read: no such file or directory"),
        (["nothing"], 2, "error: No such command 'nothing'"),
        (["get", "pod", "x", "--run", "nowhere"], 2, "error: nowhere: holds no run"),
    ],
)
def test_exit_code(start: Start, words: list[str], code: int, start_of_stderr: str) -> None:
    process = start(*words)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert err.startswith(start_of_stderr)
    assert "Traceback" not in out + err


def test_no_arguments_print_the_help(start: Start) -> None:
    process = start()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "Commands:" in out + err


@pytest.mark.parametrize(
    ("number", "existing", "code", "said"),
    [
        (signal.SIGINT, False, 130, "interrupted; nothing was written"),
        (signal.SIGINT, True, 130, "interrupted; nothing was written"),
        (signal.SIGTERM, True, 143, ""),
    ],
)
def test_a_run_that_is_stopped_leaves_nothing_half_written(
    start: Start, tmp_path: Path, number: int, existing: bool, code: int, said: str
) -> None:
    file, folder = tmp_path / "endless.yaml", tmp_path / "out"
    file.write_text(ENDLESS)
    if existing:
        folder.mkdir()
        (folder / "summary.json").write_text("of an earlier run")
    process = start("run", file, "--out", folder)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("note: no fleet given")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.strip()) == (code, "", said)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == ["endless.yaml", *(["out", "out/summary.json"] if existing else [])]
    if existing:
        assert (folder / "summary.json").read_text() == "of an earlier run"


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt()), (signal.SIGTERM, SystemExit(143))]
)
def test_a_signal_that_was_lost_is_raised_again(number: int, error: BaseException) -> None:
    """Cython modules swallow what a signal handler raises while they are imported."""
    before = signal.signal(number, Interrupt(error))
    try:
        with pytest.raises(type(error)):
            signal.raise_signal(number)
        with Progress(None) as shown, pytest.raises(type(error)):
            shown(0, 0)
    finally:
        signal.signal(number, before)


def test_interrupt_of_check_ends_its_processes(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "endless.yaml"
    file.write_text(ENDLESS)
    process = start("check", file)
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err


def test_reader_that_leaves(saved: Path) -> None:
    """``| head``: no traceback, nothing on stderr."""
    read_end, write_end = os.pipe()
    words = [sys.executable, "-m", "jobsim", "export", str(saved), "--format", "jsonl"]
    with subprocess.Popen(words, cwd=ROOT, stdout=write_end, stderr=subprocess.PIPE, text=True) as process:
        os.close(write_end)
        assert os.read(read_end, 1) == b"{"
        os.close(read_end)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (141, "")


def test_an_error_of_our_own_is_one_line(jobsim: Jobsim, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from jobsim.cli import cli, run

    def broken(*_: object, **__: object) -> None:
        raise AssertionError("a pod\nthat never was")

    monkeypatch.setattr(run, "simulate", broken)
    file = str(ROOT / "scenarios/ttl.yaml")
    result = CliRunner(env={"JOBSIM_DEBUG": None}).invoke(cli, ["run", file])
    assert result.exit_code == 70
    assert result.stderr.startswith("error: internal: AssertionError: a pod that never was (please report")
    assert result.stderr.count("\n") == 1
    with pytest.raises(AssertionError):
        jobsim("run", file)


def test_progress_is_shown_on_a_terminal_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from jobsim.cli import progress

    monkeypatch.setattr(progress, "PATIENCE_S", 0.0)
    monkeypatch.setattr(progress, "UPDATE_S", 0.001)
    drawn = "[############------------] 1s of 2s simulated, 12,000 events"
    for terminal in (True, False):
        screen = Terminal(terminal)
        monkeypatch.setattr(sys, "stderr", screen)
        with progress.Progress(until=2 * 10**9) as shown:
            shown(10**9, 12_000)
            # Another thread draws: a frame of 0s may come first, so wait for the one that was asked for.
            tries = 0
            while terminal and drawn not in screen.text and tries < 2_000:
                time.sleep(0.005)
                tries += 1
        assert (drawn in screen.text) is terminal
        assert screen.text.endswith("\r\x1b[K") is terminal


class Terminal:
    """A stderr that may be a terminal."""

    def __init__(self, terminal: bool) -> None:
        self.text = ""
        self.isatty = lambda: terminal

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Do nothing."""
