"""Plain commands of manifests: what is read, and what is left alone."""

from __future__ import annotations

import pytest

from jobsim.units import SECOND
from jobsim.workload.commands import Program, read_command


def _read(*argv: str) -> tuple[float | None, int] | None:
    program = read_command(argv, ())
    if program is None:
        return None
    return (None if program.run is None else program.run / SECOND, program.exit_code)


def _script(text: str) -> tuple[float | None, int] | None:
    return _read("/bin/bash", "-xc", text)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("sleep 10", (10, 0)),
        ("sleep 1.5m 2", (92, 0)),
        ("sleep infinity", (None, 0)),
        ("sleep infinity; python x", (None, 0)),
        ("sleep 99999999999d", (None, 0)),
        ("echo 'a; b' && sleep 10 && exit 1", (10, 1)),
        ('echo "started $(date) on ${HOSTNAME}" > /tmp/log 2>&1\nsleep 3\n', (3, 0)),
        ("exit 256", (0, 0)),
        ("false", (0, 1)),
        ("false; sleep 2", (2, 0)),
        ("set -e; false; sleep 2", (0, 1)),
        ("set -e; false || sleep 2; exit 3", (2, 3)),
        ("false && sleep 5 || sleep 7", (7, 0)),
        ("true ||\n sleep 5", (0, 0)),
        ("# a comment\nsleep 4 # another\nexec sleep 5; sleep 100", (9, 0)),
        ("N=5; sleep 1", (1, 0)),
        ("sh -c 'exit 4'; sleep 2", (2, 0)),
        ("sh -c 'exit 4'", (0, 4)),
        ("bash -ec 'false; sleep 9'; sleep 2", (2, 0)),
        ("exit", (0, 0)),
        ("", (0, 0)),
        ("sleep \\\n 6", (6, 0)),
    ],
)
def test_scripts_that_are_read(script: str, expected: tuple[float | None, int]) -> None:
    assert _script(script) == expected


@pytest.mark.parametrize(
    "script",
    [
        "python train.py",
        "sleep 10; python train.py",
        "for i in 1 2; do sleep 1; done",
        'if [[ "$JOB_COMPLETION_INDEX" == "0" ]]; then exit 1; fi',
        "while true; do sleep 1; done",
        "sleep $N",
        "sleep",
        "sleep ten",
        "exit $?",
        "sleep 10 &",
        "echo hi | tee log",
        'echo "$(python train.py)"',
        "echo `python train.py`",
        "X=$(python train.py); sleep 1",
        "cat <<EOF\nsleep 1\nEOF",
        "(sleep 1)",
        "$CMD 5",
        "'unbalanced",
        "x" * 30_000,
    ],
)
def test_scripts_that_are_opaque(script: str) -> None:
    assert _script(script) is None


@pytest.mark.parametrize(
    ("command", "args", "expected"),
    [
        (("sleep",), ("100s",), Program(run=100 * SECOND)),
        (("/bin/sh", "-c"), ("sleep 5; exit 2",), Program(run=5 * SECOND, exit_code=2)),
        (("bash", "-o", "pipefail", "-c", "sleep 1"), (), Program(run=SECOND)),
        (("busybox", "sleep", "3"), (), Program(run=3 * SECOND)),
        ((), ("sleep", "8"), Program(run=8 * SECOND)),
        ((), ("--epochs=3",), None),  # goes to an entry point that nobody knows
        ((), (), None),
        (("bash",), (), None),
        (("bash", "run.sh"), (), None),
        (("exec",) * 5000, (), None),
    ],
)
def test_argv(command: tuple[str, ...], args: tuple[str, ...], expected: Program | None) -> None:
    assert read_command(command, args) == expected
