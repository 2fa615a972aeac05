"""Shapes and fabrics of a user's own file: named by a Scenario, priced with their own numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import jobsim
from jobsim.cli import cli
from jobsim.errors import InputErrors
from jobsim.hardware.catalogue import fabric
from jobsim.hardware.collectives import collective_time
from tests.runtime.test_network import gang, work

OURS: dict[str, Any] = {
    "shapes": [{"name": "our-box", "base": "dgx-h100", "fabric": "our_net"}],
    "fabrics": [{"name": "our_net", "base": "ib_h100", "nic": 12.5}],
}


def folder(tmp_path: Path, ours: Any = OURS, shape: str = "our-box", **more: Any) -> Path:
    """Write a Scenario beside its catalogue; return the folder."""
    (tmp_path / "mine.json").write_text(ours if isinstance(ours, str) else json.dumps(ours))
    lab = {
        "apiVersion": "jobsim/v1alpha1",
        "kind": "Scenario",
        "catalogue": ["mine.json"],
        "manifests": [{"object": gang("a", "n-r0", "n-r1")}],
        "fleet": [{"pool": "n", "shape": shape, "racks": 2, "nodesPerRack": 2}],
        "pods": [{"match": {}, "start": 0, "run": "workload", "stop": 0}],
        "workloads": [work("a", steps=10)],
        **more,
    }
    lab = {key: value for key, value in lab.items() if value is not None}
    (tmp_path / "s.yaml").write_text(json.dumps(lab, indent=1))
    return tmp_path


def useful_s(run: jobsim.Run) -> float:
    [row] = run.jobsets()
    assert row["ledger"]["degraded_s"] == 0
    return float(row["ledger"]["useful_s"])


def step_s(nic: float) -> float:
    net = fabric("ib_h100")
    ours = type(net)(**{name: getattr(net, name) for name in net.__struct_fields__} | {"nic": nic})
    return 1 + collective_time("all-reduce", 16 * 2**30, ranks=(4, 8), fabric=ours).seconds


def test_steps_are_priced_on_its_own_fabric(tmp_path: Path) -> None:
    run = jobsim.run(jobsim.Scenario.load(folder(tmp_path) / "s.yaml"))
    assert useful_s(run) == pytest.approx(10 * step_s(12.5), abs=1e-6)
    [row] = run.jobsets()
    assert row["placement"]["fabric"] == "our_net"


def test_a_pool_names_a_fabric_of_its_own(tmp_path: Path) -> None:
    pool = {"pool": "n", "shape": "dgx-h100", "fabric": "our_net", "racks": 2, "nodesPerRack": 2}
    run = jobsim.run(jobsim.Scenario.load(folder(tmp_path, fleet=[pool]) / "s.yaml"))
    assert useful_s(run) == pytest.approx(10 * step_s(12.5), abs=1e-6)


def test_a_name_of_the_catalogue_is_replaced_here_and_nowhere_else(tmp_path: Path) -> None:
    ours = {"fabrics": [{"name": "ib_h100", "base": "ib_h100", "nic": 25.0}]}
    theirs = jobsim.Scenario.load(folder(tmp_path, ours, "dgx-h100") / "s.yaml")
    own = jobsim.Scenario.load(folder(tmp_path, ours, "dgx-h100", catalogue=None) / "s.yaml")
    assert useful_s(jobsim.run(theirs)) == pytest.approx(10 * step_s(25.0), abs=1e-6)
    assert useful_s(jobsim.run(own)) == pytest.approx(10 * step_s(50.0), abs=1e-6)


def test_in_python_and_on_the_command_line(tmp_path: Path) -> None:
    at = folder(tmp_path, catalogue=None)
    made = jobsim.Scenario(
        folder=at, catalogue=["mine.json"], fleet=[{"pool": "n", "shape": "our-box", "nodes": 2}]
    )
    assert made.hardware.shapes["our-box"].fabric == "our_net"
    runner, name = CliRunner(), str(at / "mine.json")
    assert runner.invoke(cli, ["run", str(at / "s.yaml")]).exit_code == 2
    for command in ("run", "validate"):
        found = runner.invoke(cli, [command, str(at / "s.yaml"), "--catalogue", name])
        assert found.exit_code == 0, found.output
    found = runner.invoke(cli, ["run", str(at / "s.yaml")], env={"JOBSIM_CATALOGUE": name})
    assert found.exit_code == 0, found.output


@pytest.mark.parametrize(
    ("ours", "shape", "expected"),
    [
        (OURS, "our-bx", 'fleet[0].shape: no shape "our-bx" (did you mean our-box? there are '),
        ("{", "our-box", "mine.json:1: is not JSON"),
        ("[]", "our-box", "mine.json: is no catalogue"),
        (
            {"fabrics": [{"name": "f", "base": "ib_h100", "nic": -1}]},
            "our-box",
            "mine.json: fabrics[0].nic: -1 is not positive",
        ),
        (
            {"fabrics": [{"name": "f", "base": "ib_h1000"}]},
            "our-box",
            'mine.json: fabrics[0]: no fabric "ib_h1000" (did you mean ib_h100?',
        ),
        (
            {"shapes": [{"name": "our-box", "base": "dgx-h100", "fabric": "ib_h10"}]},
            "our-box",
            'mine.json: shapes.our-box.fabric: no fabric "ib_h10" (did you mean ib_h100?',
        ),
    ],
)
def test_errors_say_what_there_is(tmp_path: Path, ours: Any, shape: str, expected: str) -> None:
    with pytest.raises(InputErrors) as raised:
        jobsim.Scenario.load(folder(tmp_path, ours, shape) / "s.yaml")
    [error] = raised.value.errors
    assert expected in str(error)


@pytest.mark.parametrize("listed", [["none.json"], [7], "mine.json", [""]])
def test_a_catalogue_that_is_none(tmp_path: Path, listed: Any) -> None:
    with pytest.raises(InputErrors, match=r"s\.yaml:\d+: catalogue"):
        jobsim.Scenario.load(folder(tmp_path, catalogue=listed, fleet=None) / "s.yaml")
