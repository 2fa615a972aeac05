"""Bad input: exit 2 with file, line, path and what is allowed; never a traceback, never a long wait."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Jobsim

SCENARIO = "apiVersion: jobsim/v1alpha1\nkind: Scenario\n"


def jobset(replicas: object = 1, parallelism: object = 1, image: str = "i") -> str:
    return f"""\
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata: {{name: x}}
spec:
  replicatedJobs:
  - name: w
    replicas: {replicas}
    template:
      spec:
        parallelism: {parallelism}
        completions: {parallelism}
        template: {{spec: {{restartPolicy: Never, containers: [{{name: c, image: {image}}}]}}}}
"""


def bomb(levels: int = 30) -> str:
    lines = ["apiVersion: v1", "kind: ConfigMap", "metadata: {name: b}", f"a0: &a0 [{'x, ' * 10}]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, levels)]
    return "\n".join(lines)


#: What the file holds, and each line of stderr (``{file}`` is the file's path), without the word error.
FILES: dict[str, tuple[str | bytes, list[str]]] = {
    "empty": ("", ["{file}: no objects in it (at least one YAML or JSON document)"]),
    "comments": ("# nothing\n---\n", ["{file}: no objects in it (at least one YAML or JSON document)"]),
    "bad UTF-8": (b"a: 1\nb: \xff\n", ["{file}:2: is not UTF-8: byte 0xff (UTF-8 text is needed)"]),
    "binary": (bytes(range(256)), ["{file}:2: is not UTF-8: byte 0x80 (UTF-8 text is needed)"]),
    "NUL": ("a: \0", ["{file}:1: error converting YAML to JSON: yaml: control characters are not allowed"]),
    "tab": (
        "kind: JobSet\n\tmetadata: x\n",
        [
            "{file}:2: error converting YAML to JSON: yaml: line 2: "
            "found a tab character that violates indentation"
        ],
    ),
    "list": (
        "- a\n",
        ["{file}:1: invalid object to validate (a document is a map with apiVersion and kind)"],
    ),
    "text": ("no", ["{file}:1: invalid object to validate (a document is a map with apiVersion and kind)"]),
    "alias bomb": (
        bomb(),
        [
            "{file}:9: error converting YAML to JSON: yaml: "
            "document contains excessive aliasing (at most 200000 nodes)"
        ],
    ),
    "deep": ("a: " + "[" * 5000, ["{file}:1: nested too deep (at most 200 levels)"]),
    "deep JSON": ('{"a": ' + "[" * 5000, ["{file}:1: nested too deep (at most 200 levels)"]),
    "a billion Jobs": (
        jobset(replicas=10**9),
        [
            "{file}:7: spec.replicatedJobs[0].replicas: asks for 1000000000 Jobs of 1 pod, too many for one "
            "run (at most 1000000 pods and 1000000 Jobs in all)"
        ],
    ),
    "a billion pods": (
        jobset(parallelism=10**9),
        [
            "{file}:7: spec.replicatedJobs[0].replicas: asks for 1 Job of 1000000000 pods, too many for one "
            "run (at most 1000000 pods and 1000000 Jobs in all)"
        ],
    ),
    "NaN": (
        jobset(replicas=".nan"),
        ["{file}:7: error converting YAML to JSON: json: unsupported value: NaN"],
    ),
    "no kind": (
        "apiVersion: v1\nmetadata: {name: x}\n",
        ["{file}:1: kind not set (every object says its apiVersion and kind)"],
    ),
    "nothing set": (
        "a: 1\n---\napiVersion: 7\nkind: Pod\n",
        [
            "{file}:1: kind and apiVersion not set (every object says its apiVersion and kind)",
            "{file}:3: apiVersion not set (every object says its apiVersion and kind)",
        ],
    ),
    "no kind in a List": (
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n- 7\n",
        [
            "{file}:4: items[0]: kind not set (every object says its apiVersion and kind)",
            "{file}:5: items[1]: kind and apiVersion not set (every object says its apiVersion and kind)",
        ],
    ),
    "Scenario: NaN and durations": (
        SCENARIO + "until: .nan\npods:\n- {run: -5s, start: -1}\n",
        [
            "{file}:3: until: NaN is no duration (a duration such as 500ms, 90s, 1h30m or 54d, "
            "or a number of seconds, above zero)",
            '{file}:5: pods[0].run: "-5s" is negative (',
            "{file}:5: pods[0].start: -1 is negative (",
        ],
    ),
    "Scenario: keys": (
        SCENARIO + "sed: 1\nseed: 1\nseed: 2\npods:\n- match: {jobest: x}\n  exit: 999\n",
        [
            "{file}:3: sed: unknown key (did you mean seed? allowed: apiVersion, kind, metadata, seed, ",
            "{file}:5: seed: occurs twice (each key once)",
            "{file}:7: pods[0].match.jobest: unknown key (did you mean jobset? allowed: ",
            "{file}:8: pods[0].exit: ",
        ],
    ),
    "Scenario: files": (
        SCENARIO + "manifests: [nowhere.yaml, '*.none']\n",
        [
            "{file}:3: manifests[0]: nowhere.yaml does not exist (relative to ",
            "{file}:3: manifests[1]: *.none matches no file (relative to ",
        ],
    ),
    "Scenario: no network": (
        SCENARIO + "workloads:\n- {match: {jobset: a}, step: 1s, collectives: [{op: send, bytes: 1}]}\n",
        ["{file}:4: workloads[0].collectives: there is no network to price it on (a fleet of a shape "],
    ),
    "Scenario twice": (
        SCENARIO + "---\n" + SCENARIO,
        ["{file}:4: a second Scenario (one in all; the first is {file}:1)"],
    ),
}


@pytest.mark.parametrize("command", ["run", "validate", "check"])
@pytest.mark.parametrize("case", FILES)
def test_file(jobsim: Jobsim, tmp_path: Path, case: str, command: str) -> None:
    text, lines = FILES[case]
    file = tmp_path / "bad.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    result = jobsim(command, file)
    assert (result.exit_code, result.stdout) == (2, "")
    said = result.stderr.splitlines()
    assert len(said) == len(lines), result.stderr
    for got, line in zip(said, lines, strict=True):
        assert got.startswith("error: " + line.replace("{file}", str(file)))


#: Files that are wrong as files.
PATHS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "cannot be read: no such file or directory"),
    "directory": (lambda path: path.mkdir(), "is a directory (a file is needed)"),
    "loop": (lambda path: path.symlink_to(path), "cannot be read: too many levels of symbolic links"),
}


@pytest.mark.parametrize("command", ["run", "validate", "check", "conform"])
@pytest.mark.parametrize("case", PATHS)
def test_path(jobsim: Jobsim, tmp_path: Path, case: str, command: str) -> None:
    make, text = PATHS[case]
    path = tmp_path / "it"
    make(path)
    result = jobsim(command, path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {path}: ")
    if command != "conform":
        assert result.stderr == f"error: {path}: {text}\n"


def test_path_that_no_file_can_have(jobsim: Jobsim) -> None:
    for path in ("x" * 5000, "a\0b", "\udcff.yaml"):
        result = jobsim("run", path)
        assert result.exit_code == 2
        assert "cannot be read" in result.stderr


def test_all_errors_of_all_files_and_options_at_once(jobsim: Jobsim, tmp_path: Path) -> None:
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.write_text(SCENARIO + "sed: 1\n")
    other.write_text("kind: Pod\n")
    result = jobsim("run", one, other, tmp_path / "none.yaml", "--gate", "X=true", "--gate", "RestartJob=1")
    assert result.exit_code == 2
    starts = ['--gate: no gate "X" (InPlaceRestart, RestartJob, ElasticJobSet)', '--gate: "RestartJob=1"']
    starts += [f"{one}:3: sed: ", f"{other}:1: apiVersion not set"]
    for start in starts:
        assert f"error: {start}" in result.stderr
    assert f"{tmp_path / 'none.yaml'}: cannot be read" in result.stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--until", "-5s"), '--until: "-5s" is negative (a duration such as'),
        (("--until", "nan"), "--until: "),
        (("--until", "1y"), "--until: "),
        (("--seed", "-1"), "--seed: -1 is too small (a whole number from 0 to"),
        (("--seed", "1.5"), "Invalid value for '--seed'"),
        (("--jobset-version", "v0.1"), "Invalid value for '--jobset-version'"),
        (("--gate", "RestartJob"), '--gate: "RestartJob" is neither on nor off (RestartJob=true or false)'),
        (("--sede", "1"), "No such option '--sede'"),
        (("--output", "xml"), "Invalid value for '--output'"),
    ],
)
def test_option(jobsim: Jobsim, words: tuple[str, ...], text: str) -> None:
    result = jobsim("run", ROOT / "scenarios/ttl.yaml", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")
    assert text in result.stderr


def test_usage(jobsim: Jobsim) -> None:
    for words, text in (
        (("run",), "Missing argument 'FILE...'"),
        (("rnu", "x"), "No such command 'rnu'. Did you mean 'run'?"),
        (("valdate", "x"), "No such command 'valdate'. Did you mean 'validate'?"),
        (("xyzzy",), "No such command 'xyzzy'. (see"),
        (("describe", "jobset", "x"), "Missing option '--run' (or the variable JOBSIM_RUN): a folder"),
        (("explain", "jobset/x"), "Missing option '--run' (or the variable JOBSIM_RUN): a folder"),
        (("compare", __file__, __file__), f"{__file__}: is no folder (make a run with"),
        (("conform", "nothing.jsonl"), "nothing.jsonl: cannot be read: no such file or directory\n"),
    ):
        result = jobsim(*words)
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"error: {text}" in result.stderr


def test_one_long_line(jobsim: Jobsim, tmp_path: Path) -> None:
    file = tmp_path / "long.yaml"
    file.write_text(jobset() + "# " + "x" * 2**20)
    assert jobsim("run", file).exit_code == 0
    file.write_text(jobset(image="i" * 2**20))
    result = jobsim("run", file)
    assert result.exit_code in (0, 1)
    assert len(result.output) < 2**22


def test_duplicate_keys_of_a_manifest_are_said_and_the_last_one_wins(jobsim: Jobsim, tmp_path: Path) -> None:
    file = tmp_path / "twice.yaml"
    file.write_text(jobset().replace("    replicas: 1\n", "    replicas: 1\n    replicas: 2\n"))
    result = jobsim("run", file)
    assert result.exit_code == 0
    said = f"{file}:8: spec.replicatedJobs[0].replicas: occurs twice; the last one counts, as with kubectl"
    assert said in result.stderr
    assert "Pods in all: 2 created" in result.stdout


def test_cyclic_depends_on_gets_the_webhooks_words(jobsim: Jobsim, tmp_path: Path) -> None:
    """DependsOn may only name what stands before it (C-VAL), so a cycle is two refusals."""
    file = tmp_path / "cycle.yaml"
    one = "\n".join(f"  {line}" for line in jobset().splitlines()[5:])
    entries = [
        one.replace("name: w", f"name: {a}\n      dependsOn: [{{name: {b}, status: Ready}}]", 1)
        for a, b in (("a", "b"), ("b", "a"))
    ]
    file.write_text("\n".join([*jobset().splitlines()[:5], *entries]))
    for command in ("run", "validate"):
        result = jobsim(command, file)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.splitlines()[-3:] == [
            f'{file}:1: The JobSet "x" is invalid:',
            f"{file}:1: * <nil>: Internal error: DependsOn can't be set for the first ReplicatedJob",
            f"{file}:1: * <nil>: Internal error: replicatedJob: a cannot depend on replicatedJob: b",
        ]


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_output_folder_that_cannot_be_written(jobsim: Jobsim, tmp_path: Path, below: str) -> None:
    """A path at or below a file; permissions would not stop root."""
    file = tmp_path / "file"
    file.write_text("here first")
    result = jobsim("run", ROOT / "scenarios/ttl.yaml", "--out", file / below)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {file / below}: cannot be written: {file} is not a directory")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
