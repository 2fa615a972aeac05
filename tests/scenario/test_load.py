"""The Scenario file: every section read, every error said with its place, all at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jobsim import laws
from jobsim.api.core import Taint
from jobsim.controllers.jobset.gates import Gates
from jobsim.errors import InputErrors
from jobsim.laws import Fixed
from jobsim.scenario import Scenario, load_files, model
from jobsim.units import DAY, HOUR, MILLISECOND, MINUTE, SECOND
from jobsim.workload.behaviour import ExitShare, PodMatch
from tests.conftest import shared_files

HEAD = "apiVersion: jobsim/v1alpha1\nkind: Scenario\n"
JOBSET = "apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\nmetadata: {name: train}\n"


def load(text: str, folder: Path) -> Scenario:
    file = folder / "s.yaml"
    file.write_text(HEAD + text)
    return Scenario.load(file)


FULL = """\
metadata: {name: full, description: Everything at once.}
seed: 7
until: 2h
jobset: {version: main, gates: {RestartJob: true}}
manifests:
- train.yaml
- {at: 10m, file: "more/*.yaml"}
- {object: {apiVersion: v1, kind: ConfigMap, metadata: {name: c}}}
fleet:
- pool: h100
  shape: dgx-h100
  blocks: 2
  racks: 4
  nodesPerRack: 16
  blockLabels: [example.com/block]
  rackLabels: [cloud.google.com/gke-nodepool]
  labels: {tier: gold}
  taints: [{key: k, value: v, effect: NoSchedule}]
  fabric: ib_h100
  oversubscription: {rack: 1, block: 7}
- {pool: cpu, shape: {cpu: 192, memory: 2Ti, pods: 110, accelerators: {nvidia.com/gpu: 8}}, nodes: 3}
pods:
- match: {jobset: train, replicatedJob: workers, jobIndex: 0, index: "0-3", attempt: 0, labels: {role: ps}}
  pull: 0s
  start: {lognormal: {median: 2s, sigma: 0.3}}
  ready: 0.5
  run: workload
  exit: {0: 0.99, 137: {share: 0.01, reason: OOMKilled}}
  stop: 1s
- {run: forever, exit: {code: 137, reason: OOMKilled}}
- {run: {mixture: [{weight: 1, law: 1h}, {weight: 3, law: {empirical: [2s, 1s]}}]}, exit: 3}
workloads:
- match: {jobset: train, replicatedJobs: [workers]}
  step: 2s
  useful: 30d
  init: 60s
  checkpoint: {every: 15m, write: 30s, load: 2m, mode: async, persist: 1m}
- {match: {jobset: other}, step: {gamma: {mean: 1s, shape: 4}}, steps: 10, checkpoint: {every: {steps: 5}}}
failures:
- {at: 600s, pod: train-workers-0-1, exitCode: 137, reason: OOMKilled, detect: 10m}
- {at: 10m, node: h100-3, effect: crash, repair: 30m}
- {at: 10m, node: cpu-2, effect: drain, repair: never}
actions:
- {at: 5m, patch: jobset/train, merge: {spec: {suspend: true}}}
- {at: 5m, patch: js/train, json: [{op: remove, path: /spec/suspend}], status: true}
- {at: 6m, delete: pod/train-workers-0-1, propagation: Foreground}
- {at: 7m, apply: train.yaml}
- {at: 8m, cordon: h100-3}
- {at: 8m, taint: {node: cpu-0, taints: [{key: a, effect: NoExecute}]}}
- {when: {jobset: train, condition: Completed}, after: 10s, delete: jobset/train}
control:
  watchLag: {jobset: {Pod: 20ms}, job: 10ms}
  api: {latency: 5ms, jobset: {qps: 0}, job: {qps: 20, burst: 30}, garbage-collector: {burst: 3}}
  scheduler: {podsPerSecond: 300}
  nodeMonitorGracePeriod: 40s
  controllers: {jobset: builtin, job: my.own:Controller}
expect:
- {jobset: train, terminalState: Completed, restarts: 1}
- {jobset: train, ettr: {atLeast: 0.9}}
- {pods: {failed: 1, created: {atMost: 130}}}
"""


@pytest.fixture
def full(tmp_path: Path) -> Scenario:
    (tmp_path / "train.yaml").write_text(
        JOBSET + "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, name: q}\n"
    )
    (tmp_path / "more").mkdir()
    for name in ("b", "a"):
        listed = "{apiVersion: v1, kind: Pod, metadata: {name: %s%d}}"
        items = ", ".join(listed % (name, i) for i in (1, 2))
        (tmp_path / "more" / f"{name}.yaml").write_text(f"apiVersion: v1\nkind: List\nitems: [{items}]\n")
    return load(FULL, tmp_path)


def test_head(full: Scenario) -> None:
    assert (full.metadata.name, full.seed, full.until) == ("full", 7, 2 * HOUR)
    assert full.gates == Gates(version="main", restart_job=True)


def test_manifests(full: Scenario) -> None:
    found = [(m.at // MINUTE, m.kind, m.name, m.line) for m in full.manifests]
    assert found == [
        (0, "JobSet", "train", 1),
        (0, "Pod", "q", 5),
        (10, "Pod", "a1", 3),
        (10, "Pod", "a2", 3),
        (10, "Pod", "b1", 3),
        (10, "Pod", "b2", 3),
        (0, "ConfigMap", "c", 10),
    ]
    assert full.manifests[1].line_of(("metadata", "name")) == 7
    assert [note.rpartition("/")[2] for note in full.notes] == [
        "train.yaml:7: metadata.name: occurs twice; the last one counts, as with kubectl",
        "train.yaml:7: metadata.name: occurs twice; the last one counts, as with kubectl",
        "not simulated, only stored: ConfigMap",
    ]


def test_fleet(full: Scenario) -> None:
    assert full.fleet is not None
    h100, cpu = full.fleet
    assert (h100.size, h100.shape.name, h100.oversubscription.block) == (128, "dgx-h100", 7)
    assert h100.taints == (Taint(key="k", value="v", effect="NoSchedule"),)
    assert (cpu.size, cpu.shape.memory, cpu.shape.accelerators) == (3, "2Ti", {"nvidia.com/gpu": 8})


def test_pods(full: Scenario) -> None:
    first, second, third = full.pods
    assert first.match == PodMatch(
        jobset="train",
        replicated_job="workers",
        job_index=((0, 0),),
        index=((0, 3),),
        attempt=((0, 0),),
        labels={"role": "ps"},
    )
    assert first.start == laws.Lognormal(median=2 * SECOND, sigma=0.3)
    assert (first.pull, first.ready, first.run) == (
        Fixed(value=0),
        Fixed(value=500 * MILLISECOND),
        "workload",
    )
    assert first.exit == (ExitShare(code=0, share=0.99), ExitShare(code=137, share=0.01, reason="OOMKilled"))
    assert (second.run, second.exit) == ("forever", (ExitShare(code=137, reason="OOMKilled"),))
    parts = (
        laws.MixturePart(weight=1, law=Fixed(value=HOUR)),
        laws.MixturePart(weight=3, law=laws.Empirical(values=(SECOND, 2 * SECOND))),
    )
    assert (third.run, third.exit) == (laws.Mixture(parts=parts), (ExitShare(code=3),))


def test_workloads(full: Scenario) -> None:
    first, second = full.workloads
    assert first.match == model.WorkloadMatch(jobset="train", replicated_jobs=("workers",))
    assert (first.step, first.useful, first.steps) == (Fixed(value=2 * SECOND), 30 * DAY, 0)
    assert first.checkpoint is not None
    assert (first.checkpoint.every, first.checkpoint.mode) == (15 * MINUTE, "async")
    assert second.step == laws.Gamma(mean=SECOND, shape=4)
    assert second.checkpoint is not None
    assert (second.checkpoint.every, second.checkpoint.every_steps) == (0, 5)


def test_failures(full: Scenario) -> None:
    assert full.failures == (
        model.PodFailure(
            at=600 * SECOND,
            pod="train-workers-0-1",
            exit_code=137,
            reason="OOMKilled",
            detect=Fixed(value=10 * MINUTE),
        ),
        model.NodeFailure(at=10 * MINUTE, node="h100-3", repair=Fixed(value=30 * MINUTE)),
        model.NodeFailure(at=10 * MINUTE, node="cpu-2", effect="drain"),
    )


def test_actions(full: Scenario) -> None:
    train = model.Target(kind="JobSet", name="train")
    merge, json, delete, apply, cordon, taint, later = full.actions
    assert (merge.verb, merge.at, merge.target) == ("patch", 5 * MINUTE, train)
    assert merge.merge == {"spec": {"suspend": True}}
    assert (json.json, json.status) == (({"op": "remove", "path": "/spec/suspend"},), True)
    assert (delete.target, delete.propagation) == (
        model.Target(kind="Pod", name="train-workers-0-1"),
        "Foreground",
    )
    assert apply.file == "train.yaml"
    assert [len(objects) for objects in full.applied] == [0, 0, 0, 2, 0, 0, 0]
    assert cordon.target == model.Target(kind="Node", name="h100-3")
    assert taint.taints == (Taint(key="a", effect="NoExecute"),)
    assert (later.when, later.after) == (model.Moment(jobset="train", condition="Completed"), 10 * SECOND)


def test_control(full: Scenario) -> None:
    control = full.control
    assert control.watch_lag == (
        model.LagSpec(law=Fixed(value=20 * MILLISECOND), component="jobset", kind="Pod"),
        model.LagSpec(law=Fixed(value=10 * MILLISECOND), component="job"),
    )
    assert control.latency == Fixed(value=5 * MILLISECOND)
    assert dict(control.limits)["jobset"] == model.Limits(qps=0)
    assert dict(control.limits)["garbage-collector"] == model.Limits(burst=3)
    assert (control.pods_per_second, control.node_monitor_grace_period) == (300, 40 * SECOND)
    assert control.controllers == {"jobset": "builtin", "job": "my.own:Controller"}


def test_expect(full: Scenario) -> None:
    state, ettr, pods = full.expect
    assert state == model.JobSetExpectation(
        jobset="train", terminal_state="Completed", restarts=model.Bounds(equal=1)
    )
    assert isinstance(ettr, model.JobSetExpectation)
    assert ettr.ettr is not None
    assert [ettr.ettr.holds(x) for x in (0.89, 0.9, 1)] == [False, True, True]
    assert pods == model.PodsExpectation(
        pods=(("failed", model.Bounds(equal=1)), ("created", model.Bounds(at_most=130)))
    )
    assert [model.Bounds(at_most=1).holds(x) for x in (1, 2)] == [True, False]


def test_manifests_alone_and_beside_a_scenario(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        pod = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n"
        (tmp_path / f"{name}.yaml").write_text(pod)
    (tmp_path / "s.yaml").write_text(HEAD + "seed: 3\nmanifests: [b.yaml]\n---\n" + JOBSET)
    paths = [str(tmp_path / f"{name}.yaml") for name in ("a", "s", "c")]
    together = load_files(paths)
    assert [manifest.name for manifest in together.manifests] == ["a", "b", "train", "c"]
    assert together.seed == 3
    alone = load_files(paths[:1])
    assert ([m.name for m in alone.manifests], alone.seed, alone.until, alone.fleet) == (["a"], 0, None, None)


FILES = [
    (["none.yaml"], ["none.yaml: cannot be read: no such file or directory"]),
    (["."], [".: is a directory (a file is needed)"]),
    (["empty.yaml"], ["empty.yaml: no objects in it (at least one YAML or JSON document)"]),
    (["bytes.yaml", "none.yaml"], [
        "bytes.yaml:1: is not UTF-8: byte 0xff (UTF-8 text is needed)",
        "none.yaml: cannot be read: no such file or directory",
    ]),
    (["s.yaml", "s.yaml"], ["s.yaml:1: a second Scenario (one in all; the first is s.yaml:1)"]),
    (["kindless.yaml"], [
        "kindless.yaml:1: kind not set (every object says its apiVersion and kind)",
        "kindless.yaml:4: kind and apiVersion not set (every object says its apiVersion and kind)",
        "kindless.yaml:10: items[1]: kind not set (every object says its apiVersion and kind)",
    ]),
    (["inside.yaml"], ["s.yaml:1: is a Scenario, not a Kubernetes object (give it to jobsim by itself)"]),
    (["huge.yaml"], [
        "huge.yaml:7: spec.replicatedJobs[0].replicas: asks for 1000000000 Jobs of 1 pod, too many for "
        "one run (at most 1000000 pods and 1000000 Jobs in all)",
        "huge.yaml:14: spec.parallelism: asks for 1 Job of 1000000000 pods, too many for one run "
        "(at most 1000000 pods and 1000000 Jobs in all)",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("names", "expected"), FILES)
def test_files(
    names: list[str], expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.yaml").write_text("# nothing\n---\n")
    Path("bytes.yaml").write_bytes(b"\xff\xfe")
    Path("s.yaml").write_text(HEAD)
    Path("inside.yaml").write_text(HEAD + "manifests: [s.yaml]\n")
    items = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod}\n- {apiVersion: v1}\n"
    Path("kindless.yaml").write_text(
        "apiVersion: v1\na: 1\n---\nb: 1\n---\n" + items.replace("items:", "items: ")
    )
    job = "apiVersion: batch/v1\nkind: Job\nspec:\n  completions: 2000000000\n  parallelism: 1000000000\n"
    Path("huge.yaml").write_text(
        JOBSET + "spec:\n  replicatedJobs:\n  - name: w\n    replicas: 1000000000\n---\n\n" + job
    )
    with pytest.raises(InputErrors) as caught:
        load_files(names)
    assert str(caught.value).splitlines() == expected


# ---- from Python


def test_from_python(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "q"}}
    scenario = Scenario(
        manifests=["pod.yaml", tmp_path / "pod.yaml", pod, {"at": "1m", "object": pod}],
        folder=tmp_path,
        fleet=[{"pool": "c", "shape": "cpu-16", "nodes": 2}],
        pods=[{"run": "5m", "exit": {0: 0.5, 1: 0.5}}],
        until=3600,
    )
    assert [(m.at, m.name) for m in scenario.manifests] == [(0, "p"), (0, "p"), (0, "q"), (MINUTE, "q")]
    assert scenario.until == HOUR
    assert scenario.pods[0].exit == (ExitShare(code=0, share=0.5), ExitShare(code=1, share=0.5))
    with pytest.raises(InputErrors) as caught:
        Scenario(seed=-1, flet=[])
    assert [str(error).partition(" (")[0] for error in caught.value.errors] == [
        "seed: -1 is too small",
        "flet: unknown key",
    ]


def test_changed(tmp_path: Path) -> None:
    scenario = load("seed: 1\njobset: {gates: {RestartJob: true}}\n", tmp_path)
    other = scenario.changed(seed=2, until="1h", gates={"InPlaceRestart": True}, version="main")
    assert (other.seed, other.until) == (2, HOUR)
    assert other.gates == Gates(version="main", restart_job=True, in_place_restart=True)
    assert (scenario.seed, scenario.until, scenario.gates) == (1, None, Gates(restart_job=True))
    with pytest.raises(InputErrors) as caught:
        scenario.changed(seed=-2, until="x", gates={"Nope": True})
    assert [str(error).partition(" (")[0] for error in caught.value.errors] == [
        "gates.Nope: unknown key",
        "seed: -2 is too small",
        'until: "x" is no duration',
    ]


# ---- the manifests of others, and what loading costs


@pytest.mark.parametrize(
    "path", shared_files("data/manifests/jobset", "**/*.yaml"), ids=lambda path: path.stem
)
def test_upstream_examples_load(path: Path) -> None:
    scenario = load_files([str(path)])
    assert scenario.manifests
    assert all(manifest.kind for manifest in scenario.manifests)


def test_our_scenarios_load() -> None:
    folder = Path(__file__).resolve().parents[2] / "scenarios"
    for path in sorted(folder.glob("*.yaml")):
        assert Scenario.load(path).file == str(path)


def test_reading_needs_no_numbers_library() -> None:
    code = (
        "import sys, jobsim.scenario; print(*{'numpy', 'simpy', 'networkx', 'matplotlib'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


@pytest.mark.parametrize(
    ("control", "notes"),
    [
        (
            "",
            ["not simulated, only stored: Workload", "PodGroups do nothing: "],
        ),
        ("control: {featureGates: {GangScheduling: true}}", ["not simulated, only stored: Workload"]),
    ],
    ids=["off, as by default", "on"],
)
def test_pod_groups_are_simulated_behind_their_gate(control: str, notes: list[str], tmp_path: Path) -> None:
    text = f"""\
{control}
manifests:
  - object: {{apiVersion: scheduling.k8s.io/v1alpha2, kind: PodGroup, metadata: {{name: g}}}}
  - object: {{apiVersion: scheduling.k8s.io/v1alpha2, kind: Workload, metadata: {{name: w}}}}
"""
    found = load(text, tmp_path).notes
    assert len(found) == len(notes)
    assert all(map(str.startswith, found, notes))
