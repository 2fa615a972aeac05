"""``jobsim get``, ``describe`` and ``explain``: kubectl's words and habits, at a virtual time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from jobsim.cli import cli
from jobsim.scenario.yaml import load_documents
from tests.cli.conftest import ROOT, Jobsim

#: Pod 5 of Job 3 fails at 10m; see scenarios/one-pod-fails.yaml.
FAILED = "jobset.sigs.k8s.io/job-index=3,batch.kubernetes.io/job-completion-index=5"

#: What is asked, what stdout has (the first line whole, then words of it), exit code.
TABLES = {
    "jobsets at the end": (
        ("get", "js"),
        "NAME    TERMINALSTATE   RESTARTS   COMPLETED   SUSPENDED   AGE",
        ["train   Completed       1          True                    40m"],
    ),
    "a pod that failed": (
        ("get", "pods", "-l", FAILED, "--at", "10m"),
        "NAME                READY   STATUS   RESTARTS   AGE",
        ["Error    0          9m"],
    ),
    "a plain number is seconds": (("get", "pods", "-l", FAILED, "--at", "600.0"), None, ["Error"]),
    "before": (("get", "pods", "-l", FAILED, "--at", "9m59s"), None, ["1/1     Running"]),
    "wide": (
        ("get", "pods", "-l", FAILED, "-o", "wide"),
        "NAME                READY   STATUS      RESTARTS   AGE   IP       NODE      "
        "NOMINATED NODE   READINESS GATES",
        ["h100-21"],
    ),
    "cluster-scoped": (("get", "node", "h100-0"), "NAME     STATUS   ROLES    AGE   VERSION", ["Ready"]),
    "all namespaces": (
        ("get", "jobs", "-A"),
        "NAMESPACE   NAME        STATUS     COMPLETIONS   DURATION   AGE",
        ["default     train-w-0   Complete   8/8"],
    ),
    "several kinds": (
        ("get", "jobset,jobs"),
        "NAME                           TERMINALSTATE   RESTARTS   COMPLETED   SUSPENDED   AGE",
        ["jobset.jobset.x-k8s.io/train", "\n\nNAME                  STATUS", "job.batch/train-w-7"],
    ),
    "all": (("get", "all"), None, ["pod/train-w-0-0-", "service/train", "job.batch/", "jobset.jobset"]),
    "kind and name": (("get", "jobset/train", "job/train-w-0"), None, ["job.batch/train-w-0   Complete"]),
    "names": (("get", "jobs", "-o", "name"), "job.batch/train-w-0", ["job.batch/train-w-7"]),
    "field selector": (
        ("get", "pods", "--field-selector", "status.phase=Failed", "--at", "10m", "-o", "name"),
        None,
        ["pod/train-w-3-5-"],
    ),
}


@pytest.mark.parametrize("case", TABLES)
def test_table(jobsim: Jobsim, saved: Path, case: str) -> None:
    words, first, contained = TABLES[case]
    result = jobsim(*words, "--run", saved)
    assert (result.exit_code, result.stderr) == (0, "")
    if first is not None:
        assert result.stdout.splitlines()[0] == first
    for part in contained:
        assert part in result.stdout


def test_selectors_leave_the_others_out(jobsim: Jobsim, saved: Path) -> None:
    everything = jobsim("get", "pods", "-o", "name", "--run", saved).stdout.splitlines()
    one_job = jobsim("get", "pods", "-l", "jobset.sigs.k8s.io/job-index=3", "-o", "name", "--run", saved)
    assert (len(everything), len(one_job.stdout.splitlines())) == (64, 8)


#: Command, exit code, stderr.
NOTHING = {
    "name": (("get", "pod", "x"), 1, 'Error from server (NotFound): pods "x" not found\n'),
    "name of a group": (
        ("get", "job", "a", "b"),
        1,
        'Error from server (NotFound): jobs.batch "a" not found\n'
        'Error from server (NotFound): jobs.batch "b" not found\n',
    ),
    "describe": (
        ("describe", "js", "x"),
        1,
        'Error from server (NotFound): jobsets.jobset.x-k8s.io "x" not found\n',
    ),
    "none": (("get", "pvc"), 0, "No resources found in default namespace.\n"),
    "none there": (("get", "pods", "-n", "team"), 0, "No resources found in team namespace.\n"),
    "none anywhere": (("get", "pvc", "-A"), 0, "No resources found\n"),
    "none of no namespace": (("get", "pc"), 0, "No resources found\n"),
    "a kind that is only stored": (("get", "cm"), 0, "No resources found in default namespace.\n"),
    "no kind": (("get", "bananas"), 2, 'error: the server doesn\'t have a resource type "bananas"\n'),
    "before the start": (("get", "pods", "--at", "0", "-l", "x=y"), 0, "No resources found in default"),
}


@pytest.mark.parametrize("case", NOTHING)
def test_nothing_found(jobsim: Jobsim, saved: Path, case: str) -> None:
    words, code, stderr = NOTHING[case]
    result = jobsim(*words, "--run", saved)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(stderr)


#: Command, what stderr says.
WRONG = {
    "time": (("get", "pods", "--at", "soon"), "--at: 'soon' is no time of a run (such as 10m"),
    "negative time": (("get", "pods", "--at", "-5"), "--at: '-5' is no time"),
    "labels": (("get", "pods", "-l", "a=b=c"), "--selector: found '=', expected: ',' or 'end of string'"),
    "fields": (("get", "pods", "--field-selector", "a"), "--field-selector: invalid selector: 'a'"),
    "field": (("get", "pods", "--field-selector", "spec.x=1"), "field label not supported: spec.x"),
    "name everywhere": (("get", "pod", "x", "-A"), "cannot be retrieved by name across all namespaces"),
    "mixed": (("get", "pod/x", "y"), "there is no need to mix"),
    "half a pair": (("get", "pod/"), "there is no need to mix"),
    "output": (("get", "pods", "-o", "xml"), "Invalid value for '-o'"),
    "explain kind": (("explain", "service/train"), "cannot be explained (allowed kinds: pod, job,"),
    "explain name": (("explain", "pod/x"), 'pods "x" not found: it never was there'),
    "explain nothing": (("explain", "pod"), "names no object (allowed: KIND/NAME)"),
    "explain two": (("explain", "pod/a", "pod/b"), "more than one object"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_question(jobsim: Jobsim, saved: Path, case: str) -> None:
    words, text = WRONG[case]
    result = jobsim(*words, "--run", saved)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")
    assert text in result.stderr


def test_yaml_and_json_are_the_same_objects(jobsim: Jobsim, saved: Path) -> None:
    for words in (("get", "pods"), ("get", "js", "train")):
        as_json = json.loads(jobsim(*words, "-o", "json", "--run", saved).stdout)
        as_yaml = jobsim(*words, "-o", "yaml", "--run", saved).stdout
        [document] = load_documents(as_yaml, "get.yaml")
        assert document.data == as_json
    assert as_json["kind"] == "JobSet"
    assert 'creationTimestamp: "2026-01-05T00:00:00Z"' in as_yaml


def test_a_printed_jobset_can_be_run_again(jobsim: Jobsim, saved: Path, tmp_path: Path) -> None:
    file = tmp_path / "again.yaml"
    file.write_text(jobsim("get", "js", "train", "-o", "yaml", "--run", saved).stdout)
    assert yaml.safe_load(file.read_text())["status"]["restarts"] == 1
    result = jobsim("run", file, "--output", "json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["jobsets"][0]["restarts"] == 0


def test_describe_shows_events(jobsim: Jobsim, saved: Path) -> None:
    result = jobsim("describe", "pod", "train-w-3-5", "--at", "10m", "--run", saved)
    assert result.exit_code == 0
    assert result.stdout.startswith("Name:             train-w-3-5-")
    assert "Successfully assigned default/train-w-3-5-" in result.stdout
    several = jobsim("describe", "job", "train-w", "--run", saved)
    assert several.stdout.count("Name:  ") == 8


def test_events_are_listed_by_time(jobsim: Jobsim, saved: Path) -> None:
    events = json.loads(jobsim("get", "events", "-o", "json", "--run", saved).stdout)["items"]
    times = [event["lastTimestamp"] for event in events]
    assert len(times) > 100
    assert times == sorted(times)


def test_explain_tells_the_restart(jobsim: Jobsim, saved: Path) -> None:
    result = jobsim("explain", "jobset/train", "--run", saved)
    assert result.exit_code == 0
    assert "failed with exit code 1" in result.stdout
    assert "BackoffLimitExceeded" in result.stdout
    assert jobsim("explain", "jobset", "train", "--run", saved).stdout == result.stdout


def test_explain_tells_why_pending(jobsim: Jobsim, tmp_path: Path) -> None:
    scenario = ROOT / "scenarios/exclusive-one-rack-short.yaml"
    assert jobsim("run", scenario, "--out", tmp_path / "run").exit_code == 0
    result = jobsim("explain", "pod/racked-w-3-0", "--run", tmp_path / "run")
    assert "didn't match pod anti-affinity rules" in result.stdout


def test_time_after_the_end(jobsim: Jobsim, saved: Path, tmp_path: Path) -> None:
    """When nothing was left to happen the cluster stays as it is; a run that was cut short does not know."""
    assert "100m" in jobsim("get", "js", "--at", "100m", "--run", saved).stdout
    manifest = ROOT / "scenarios/manifests/train-8x8.yaml"
    assert jobsim("run", manifest, "--until", "30s", "--out", tmp_path / "cut").exit_code == 0
    result = jobsim("get", "js", "--at", "1m", "--run", tmp_path / "cut")
    assert result.exit_code == 2
    assert "is after the end (the run stopped at 30s)" in result.stderr


def test_run_folder_from_the_environment(jobsim: Jobsim, saved: Path) -> None:
    result = CliRunner(env={"JOBSIM_RUN": str(saved)}).invoke(cli, ["get", "js"])
    assert result.exit_code == 0
    missing = jobsim("get", "js")
    assert missing.exit_code == 2
    assert "Missing option '--run' (or the variable JOBSIM_RUN)" in missing.stderr


def test_catalogue(jobsim: Jobsim) -> None:
    shapes = jobsim("get", "shapes").stdout.splitlines()
    assert shapes[0].split()[:5] == ["NAME", "CPU", "MEMORY", "PODS", "ACCELERATORS"]
    assert any(line.startswith("dgx-h100 ") and "nvidia.com/gpu=8" in line for line in shapes)
    assert len(jobsim("get", "fabrics").stdout.splitlines()) > 5
    [one] = json.loads(jobsim("get", "shapes", "dgx-h100", "-o", "json").stdout)
    assert one["name"] == "dgx-h100"
    assert one == yaml.safe_load(jobsim("get", "shapes", "dgx-h100", "-o", "yaml").stdout)[0]
    assert "tpu/host   node   1250d" in jobsim("get", "components", "tpu/host").stdout
    assert "rsc-1/node" in jobsim("get", "components", "rsc/node").stderr
    assert "ib_h100\n" in jobsim("get", "fabrics", "-o", "name").stdout
    wrong = jobsim("get", "shapes", "dgx-h1000")
    assert wrong.exit_code == 2
    assert "dgx-h100" in wrong.stderr


def test_catalogue_of_ones_own(jobsim: Jobsim, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text('{"fabrics": [{"name": "fast", "base": "ib_h100", "nic": 100}]}')
    shown = jobsim("get", "fabrics", "fast", "--catalogue", file, "-o", "wide").stdout.splitlines()
    assert shown[1].split()[:5] == ["fast", "switched", "8", "480", "100"]
    assert jobsim("get", "fabrics", "fast").exit_code == 2
    file.write_text('{"fabrics": [{"name": "fast", "base": "ib_h100", "nic": 0}]}')
    wrong = jobsim("get", "fabrics", "--catalogue", file)
    assert wrong.exit_code == 2
    assert f"{file}: fabrics[0].nic: 0 is not positive" in wrong.stderr


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda folder: None, "holds no run: summary.json is missing"),
        (lambda folder: (folder / "summary.json").write_text("{}"), "log.jsonl.gz is missing"),
        (lambda folder: (folder / "summary.json").write_text("{"), "holds no readable run"),
    ],
)
def test_folder_without_a_run(jobsim: Jobsim, tmp_path: Path, make, text: str) -> None:
    make(tmp_path)
    result = jobsim("get", "pods", "--run", tmp_path)
    assert result.exit_code == 2
    assert f"error: {tmp_path}: " in result.stderr
    assert text in result.stderr


def test_summary_and_log_of_different_runs(jobsim: Jobsim, saved: Path, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl.gz").write_bytes((saved / "log.jsonl.gz").read_bytes())
    (tmp_path / "summary.json").write_bytes(
        (saved / "summary.json").read_bytes().replace(b'"digest": "', b'"digest": "0')
    )
    result = jobsim("get", "pods", "--run", tmp_path)
    assert result.exit_code == 2
    assert "do not belong together" in result.stderr


def test_truncated_log(jobsim: Jobsim, saved: Path, tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_bytes((saved / "summary.json").read_bytes())
    (tmp_path / "log.jsonl.gz").write_bytes((saved / "log.jsonl.gz").read_bytes()[:-20])
    result = jobsim("explain", "js/train", "--run", tmp_path)
    assert result.exit_code == 2
    assert "is no complete jsonl.gz file" in result.stderr
