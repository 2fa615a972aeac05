"""The Python surface that users rely on (design, section 5.1)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import jobsim

ROOT = Path(__file__).resolve().parents[1]
SCENARIO = ROOT / "scenarios/one-pod-fails.yaml"


@pytest.fixture(scope="module")
def run() -> jobsim.Run:
    return jobsim.run(jobsim.Scenario.load(SCENARIO), seed=7, until="1h")


def test_every_name_is_there() -> None:
    assert set(jobsim.__all__) <= set(dir(jobsim))
    for name in (*jobsim.__all__, "__version__"):
        assert getattr(jobsim, name) is not None
    with pytest.raises(AttributeError, match="module 'jobsim' has no attribute 'Pod'"):
        jobsim.Pod  # noqa: B018


def test_summary_digest_and_verdicts(run: jobsim.Run) -> None:
    summary = run.summary()
    assert summary["digest"] == run.digest
    assert run.jobsets() == summary["jobsets"]
    assert run.ok
    assert [verdict.text for verdict in run.verdicts][:2] == [
        "jobset train: terminalState Completed",
        "jobset train: restarts 1",
    ]


def test_tables_are_numpy(run: jobsim.Run) -> None:
    restarts, goodput = run.restarts(), run.goodput()
    assert isinstance(restarts, np.ndarray)
    parts = [
        f"{p}_ns" for p in ("detect", "drain", "decide", "teardown", "create", "place", "start", "restore")
    ]
    for record in restarts:
        assert sum(int(record[part]) for part in parts) == record["total_ns"]
    assert goodput["elapsed_ns"][0] > 0


def test_cluster_at_a_time(run: jobsim.Run) -> None:
    pods = run.at("10m").get("pods")
    assert len(pods) == 64
    assert [pod.name for pod in pods if pod.status.phase == "Failed"] == [
        pod.name for pod in pods if pod.name.startswith("train-w-3-5-")
    ]
    assert repr(pods).startswith("NAME ")
    assert repr(run.at(600).get("pods")) == repr(pods)


def test_explain_and_timeline(run: jobsim.Run) -> None:
    assert "failed with exit code 1" in run.explain("jobset/train")
    assert run.timeline().png().startswith(b"\x89PNG")
    with pytest.raises(jobsim.InputError, match="names no object"):
        run.explain("train")


def test_scenario_from_python() -> None:
    jobset = {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": "j"},
        "spec": {
            "replicatedJobs": [
                {
                    "name": "w",
                    "template": {
                        "spec": {
                            "completions": 2,
                            "parallelism": 2,
                            "template": {"spec": {"containers": [{"name": "c", "image": "i"}]}},
                        }
                    },
                }
            ]
        },
    }
    lab = jobsim.Scenario(manifests=[jobset], pods=[{"run": "5s"}], expect=[{"pods": {"created": 3}}])
    told: list[str] = []
    run = jobsim.run(lab, tell=told.append)
    assert told == list(run.notes)
    assert told[0].startswith("no fleet given")
    assert run.jobsets()[0]["terminalState"] == "Completed"
    assert not run.ok
    with pytest.raises(jobsim.InputErrors) as wrong:
        jobsim.Scenario(manifests=[jobset], sed=1, pods=[{"run": -5}])
    assert [error.path for error in wrong.value.errors] == ["sed", "pods[0].run"]


def test_rejection_has_the_servers_words() -> None:
    bad = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "X"}, "spec": {"containers": []}}
    lab = jobsim.Scenario(manifests=[bad])
    with pytest.raises(jobsim.Rejected, match='The Pod "X" is invalid:') as refused:
        jobsim.run(lab)
    assert isinstance(refused.value.refusals[0].error, jobsim.ApiError)
    answers, _ = jobsim.validate(lab)
    assert [str(answer.refusal) for answer in answers] == [str(refused.value)]


def test_progress_is_told(run: jobsim.Run) -> None:
    seen: list[tuple[int, int]] = []
    jobsim.run(SCENARIO, progress=lambda now, timers: seen.append((now, timers)))
    assert seen
    assert seen == sorted(seen)


def test_a_run_cannot_be_asked_about_times_it_did_not_reach(run: jobsim.Run) -> None:
    for time in ("soon", -1, float("nan")):
        with pytest.raises(jobsim.InputError, match="is no time of a run"):
            run.at(time)
    cut = jobsim.run(SCENARIO, until="5s")
    with pytest.raises(jobsim.InputError, match="is after the end"):
        cut.at("6s")


def test_decision_alone_needs_no_simulation() -> None:
    """Design, section 5.1: the decision of the JobSet controller without simpy."""
    code = """
import sys
from jobsim.controllers import jobset
from jobsim.testing import make_jobset, make_job
from jobsim.units import seconds
seen = jobset.Seen(make_jobset("train", max_restarts=3), children=[make_job("train-w-0", failed=True)])
plan = jobset.reconcile(seen, now=seconds(100), gates=jobset.Gates())
assert plan.status.obj.status.restarts == 1, plan
assert "simpy" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_types_are_seen_by_users(tmp_path: Path) -> None:
    """A user's own ``mypy --strict`` finds the types behind the lazy names."""
    pytest.importorskip("mypy", reason="not among the packages of make test")
    file = tmp_path / "user.py"
    file.write_text("import jobsim\nrun = jobsim.run('a.yaml')\nreveal_type(run)\njobsim.nothing\n")
    words = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(file)]
    said = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True).stdout
    assert 'Revealed type is "jobsim.simulate.Run"' in said
    assert 'Module has no attribute "nothing"' in said
