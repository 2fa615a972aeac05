"""``jobsim run``: what it prints, what it writes, how it exits."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from tests.cli.conftest import ROOT, Jobsim

SCENARIO = ROOT / "scenarios/one-pod-fails.yaml"
MANIFEST = ROOT / "scenarios/manifests/short-lived.yaml"
#: Design, section 5.4.
KEYS = {"seed", "digest", "simulatedSeconds", "apiWrites", "writesBy", "pods", "jobsets"}
JOBSET_KEYS = {
    *("namespace", "name", "terminalState", "restarts", "restartsCountTowardsMax", "createdAt"),
    *("finishedAt", "conditions", "ledger", "ettr"),
}


def test_table_has_every_section_in_order(jobsim: Jobsim) -> None:
    result = jobsim("run", SCENARIO)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    heads = ["NAME ", "Pods in all: ", "Starts and restarts", "Where the time went", "Expected"]
    found = [next(i for i, line in enumerate(lines) if line.startswith(head)) for head in heads]
    assert found == sorted(found)
    assert "one-pod-fails: What happens when" in lines[0]
    assert any(line.startswith("train   Completed       1 ") for line in lines)
    assert "ok      jobset train: restarts 1" in lines
    parts = ("DETECT", "DRAIN", "DECIDE", "TEARDOWN", "CREATE", "PLACE", "START", "RESTORE")
    header = next(line for line in lines if "DETECT" in line).split()
    assert [word for word in header if word in parts] == list(parts)
    assert "seed 7, digest " in lines[-1]


def test_json_is_the_summary_with_its_fixed_keys(jobsim: Jobsim, tmp_path: Path) -> None:
    result = jobsim("run", SCENARIO, "--output", "json", "--out", tmp_path / "run")
    summary = json.loads(result.stdout)
    assert set(summary) >= KEYS
    assert set(summary["jobsets"][0]) >= JOBSET_KEYS
    assert set(summary["pods"]) == {"created", "succeeded", "failed", "deleted"}
    ledger = dict(summary["jobsets"][0]["ledger"])
    assert sum(round(s * 1e9) for s in ledger.values()) == 2 * round(ledger["elapsed_s"] * 1e9)
    assert [row["ok"] for row in summary["expectations"]] == [True] * 4
    assert result.stdout == (tmp_path / "run/summary.json").read_text()


def test_out_writes_all_files_and_nothing_else(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == [
        "ledger.png",
        "log.jsonl.gz",
        "placement.png",
        "restarts.png",
        "summary.json",
        "timeline.png",
    ]
    assert (saved / "timeline.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in saved.parent.iterdir()] == ["run"]


def test_out_into_a_folder_that_is_there(jobsim: Jobsim, tmp_path: Path) -> None:
    """Files of an earlier run are replaced, others stay."""
    (tmp_path / "mine.txt").write_text("kept")
    for seed in ("1", "2"):
        assert jobsim("run", MANIFEST, "--seed", seed, "--out", tmp_path).exit_code == 0
    assert json.loads((tmp_path / "summary.json").read_text())["seed"] == 2
    assert (tmp_path / "mine.txt").read_text() == "kept"
    assert jobsim("get", "js", "--run", tmp_path).exit_code == 0


def test_default_fleet_is_said_on_stderr_only(jobsim: Jobsim) -> None:
    result = jobsim("run", MANIFEST)
    assert "note: no fleet given: made 1 default node" in result.stderr
    assert "note" not in result.stdout


NOT_SIMULATED = """\
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: settings}
    ---
    apiVersion: v1
    kind: Secret
    metadata: {name: token}
    ---
    apiVersion: v1
    kind: Pod
    metadata: {name: one, namespace: team}
    spec:
      priorityClassName: high
      serviceAccountName: robot
      restartPolicy: Never
      containers: [{name: c, image: i, command: [sleep, "5"]}]
    """


def test_what_is_not_simulated_or_not_there_is_named_once(jobsim: Jobsim, tmp_path: Path) -> None:
    file = tmp_path / "things.yaml"
    file.write_text(dedent(NOT_SIMULATED))
    result = jobsim("run", file, "--out", tmp_path / "run")
    assert result.exit_code == 0
    assert result.stderr.count("not simulated, only stored: ConfigMap, Secret") == 1
    for thing in ('PriorityClass "high"', 'ServiceAccount "robot"', 'Namespace "team"'):
        assert result.stderr.count(thing) == 1
    assert "Pods of no JobSet: 1 Completed" in result.stdout
    listed = jobsim("get", "cm,secrets", "--run", tmp_path / "run")
    assert "configmap/settings" in listed.stdout
    assert "secret/token" in listed.stdout


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        ("namespace: team", 'Error from server (NotFound): error when creating "{file}": namespaces "team"'),
        (
            "labels: {}",
            'Error from server (Forbidden): error when creating "{file}": pods "one" is forbidden',
        ),
    ],
)
def test_strict_answers_as_a_real_cluster(jobsim: Jobsim, tmp_path: Path, thing: str, words: str) -> None:
    file = tmp_path / "things.yaml"
    file.write_text(dedent(NOT_SIMULATED).replace("namespace: team", thing))
    result = jobsim("run", file, "--strict")
    assert result.exit_code == 1
    assert f"{file}:9: {words.format(file=file)}" in result.stderr
    assert result.stdout == ""


def test_failed_expectation_exits_1_and_says_what_came(jobsim: Jobsim, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    expect = "expect:\n- {jobset: short-lived, restarts: 2, terminalState: Failed}\n- {pods: {created: 3}}\n"
    head = f"apiVersion: jobsim/v1alpha1\nkind: Scenario\nmanifests: ['{MANIFEST}']\n"
    file.write_text(head + expect)
    result = jobsim("run", file, "--out", tmp_path / "run")
    assert result.exit_code == 1
    assert "FAILED  jobset short-lived: restarts 2, is 0" in result.stdout
    assert "FAILED  jobset short-lived: terminalState Failed, is Completed" in result.stdout
    assert "ok      pods: created 3" in result.stdout
    assert (tmp_path / "run/summary.json").exists()
    as_json = jobsim("run", file, "--output", "json")
    assert as_json.exit_code == 1
    assert "expectation failed: jobset short-lived: restarts 2, is 0" in as_json.stderr


def test_seed_and_until_of_the_command_line_win(jobsim: Jobsim) -> None:
    summary = json.loads(jobsim("run", SCENARIO, "--seed", "9", "--until", "60", "--output", "json").stdout)
    assert (summary["seed"], summary["simulatedSeconds"], summary["stop"]) == (9, 60, "until")


def test_a_gate_opens_what_is_refused_without_it(jobsim: Jobsim, tmp_path: Path) -> None:
    file = tmp_path / "gated.yaml"
    rule = {"name": "r", "action": "RestartJob"}
    manifest = yaml.safe_load((ROOT / "scenarios/manifests/flaky.yaml").read_text())
    manifest["spec"]["failurePolicy"] = {"maxRestarts": 2, "rules": [rule]}
    file.write_text(yaml.safe_dump(manifest))
    refused = jobsim("run", file)
    assert refused.exit_code == 1
    assert "RestartJob feature gate is disabled" in refused.stderr
    assert jobsim("run", file, "--gate", "RestartJob=true,ElasticJobSet=false").exit_code == 0
    assert jobsim("run", file, "--gate", "ElasticJobSet=true", "--gate", "RestartJob=True").exit_code == 0


def test_unfinished_jobset_says_why(jobsim: Jobsim) -> None:
    result = jobsim("run", ROOT / "scenarios/exclusive-one-rack-short.yaml")
    assert result.exit_code == 0
    assert "Not finished: racked (why: jobsim explain jobset/racked)" in result.stdout
    assert "FailedScheduling pod/racked-w-" in result.stdout
    stalled = [line for line in result.stderr.splitlines() if line.startswith("stalled: ")]
    assert stalled
    assert all(line in result.stdout for line in stalled)
    assert "default/racked-w-3: admission webhook" in stalled[0]


def test_deleted_jobset_is_still_in_table_and_summary(jobsim: Jobsim) -> None:
    result = jobsim("run", ROOT / "scenarios/ttl.yaml", "--output", "json")
    [jobset] = json.loads(result.stdout)["jobsets"]
    assert (jobset["terminalState"], jobset["deleted"]) == ("Completed", True)
    assert "deleted   deleted" in jobsim("run", ROOT / "scenarios/ttl.yaml").stdout


def test_several_files_are_one_cluster(jobsim: Jobsim) -> None:
    manifests = ROOT / "scenarios/manifests"
    result = jobsim("run", manifests / "short-lived.yaml", manifests / "chain.yaml", "--output", "json")
    names = [jobset["name"] for jobset in json.loads(result.stdout)["jobsets"]]
    assert names == ["short-lived", "chain"]
