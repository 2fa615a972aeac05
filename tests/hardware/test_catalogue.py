"""The catalogue: every entry is whole, names resolve, units and sources are said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobsim.api import quantity
from jobsim.errors import InputError, InputErrors
from jobsim.hardware import catalogue
from jobsim.hardware.catalogue import UnknownName, fabrics, shape, shapes

DATA = Path(catalogue.__file__).parent


@pytest.mark.parametrize("name", shapes())
def test_shape_is_whole(name: str) -> None:
    found = shape(name)
    assert found.name == name
    assert found.title
    assert quantity.value(found.cpu) >= 16
    assert quantity.value(found.memory) >= 64 * 2**30
    assert found.source in json.loads((DATA / "shapes.json").read_text())["sources"]
    devices = sum(int(n) for n in found.accelerators.values())
    assert bool(devices) == bool(found.fabric) == bool(found.domain)
    if devices:
        fabric = catalogue.fabric(found.fabric)
        assert found.domain == fabric.g
        assert found.domain % devices == 0
        assert found.devices == devices
    if found.nics:
        # What the adapters of a machine carry is what its fabric says of an accelerator.
        assert found.nics * found.nic_gbps / 8 == catalogue.fabric(found.fabric).nic * devices


@pytest.mark.parametrize("name", [n for n, s in shapes().items() if "google.com/tpu" in s.accelerators])
def test_a_slice_has_the_chips_of_its_machines(name: str) -> None:
    found = shape(name)
    chips = int(found.accelerators["google.com/tpu"])
    for topology, machines in found.topologies.items():
        product = 1
        for side in topology.split("x"):
            product *= int(side)
        assert product == machines * chips
        assert product <= found.domain
    assert found.topologies[found.labels["cloud.google.com/gke-tpu-topology"]] == 1


@pytest.mark.parametrize("fabric", fabrics().values(), ids=fabrics())
def test_fabric_is_physical(fabric: catalogue.Fabric) -> None:
    assert fabric.source
    assert fabric.a0 > 0
    if fabric.kind == "torus":
        assert fabric.link > 0 < fabric.dcn
        assert 0 < fabric.eff_link <= 1
        assert fabric.axes in (2, 3)
    else:
        assert fabric.nvl > fabric.nic > 0
        assert 0 < fabric.eff_a2a <= fabric.eff_net <= 1
        assert bool(fabric.nvls) == bool(fabric.nvls_min) == bool(fabric.a_nvls)
        assert fabric.a_hop > fabric.a_net > fabric.a_nvl > 0


def test_the_named_systems_are_there() -> None:
    assert {"dgx-a100", "dgx-h100", "dgx-h200", "dgx-b200", "gb200-nvl72"} <= set(shapes())
    assert {"p4d", "p4de", "p5", "p5en", "p6-b200", "a3-high", "a3-mega", "a3-ultra"} <= set(shapes())
    assert {"tpu-v4", "tpu-v5e", "tpu-v5p", "tpu-v6e", "tpu-7x"} <= set(shapes())
    assert {"ib_h100", "efa_h100", "efa_b200", "gb200", "efa_a100"} <= set(fabrics())


OWN = {"name": "mine", "cpu": 8, "memory": "64Gi", "accelerators": {"example.com/npu": 4}}


def own_file(tmp_path: Path, *entries: object) -> Path:
    path = tmp_path / "own.json"
    path.write_text(json.dumps({"shapes": entries}))
    return path


def test_a_users_file_extends_the_catalogue(tmp_path: Path) -> None:
    bigger = {"name": "dgx-h100-96", "base": "dgx-h100", "cpu": 96}
    known = shapes([own_file(tmp_path, OWN, bigger, {**OWN, "base": "mine", "pods": 20})])
    assert list(known)[-2:] == ["mine", "dgx-h100-96"]
    assert (known["dgx-h100-96"].cpu, known["dgx-h100-96"].domain) == (96, 8)
    assert (known["mine"].devices, known["mine"].pods) == (4, 20)
    assert shape("mine", known) is known["mine"]


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({**OWN, "cpu": 0}, "shapes[0].cpu: 0 is no amount (a quantity above 0)"),
        ({**OWN, "memory": "much"}, "shapes[0].memory: 'much' is no amount (a quantity above 0)"),
        ({**OWN, "name": "My Shape"}, 'shapes[0].name: "My Shape" is no name'),
        ({**OWN, "base": "dgx-h10"}, 'shapes[0]: no shape "dgx-h10" (did you mean dgx-h100? '),
        ({"name": "x", "cpu": 1}, "shapes[0]: Object missing required field `memory`"),
        ({**OWN, "nics": -1}, "shapes[0].nics: -1 is too small (0 or more)"),
        ({**OWN, "nics": 4}, "shapes[0].nicGbps: is missing"),
        ({**OWN, "topologies": {"4by4": 1}}, 'shapes[0].topologies: "4by4" is no torus (such as 4x4'),
        ([], "shapes[0]: Expected `object`"),
    ],
)
def test_what_is_wrong_with_a_users_file(tmp_path: Path, entry: object, says: str) -> None:
    path = own_file(tmp_path, entry)
    with pytest.raises(InputErrors) as caught:
        shapes([path])
    assert f"{path}: {says}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [("[", "is not JSON: "), ("[]", "is no catalogue ("), ('{"shapes": 1}', "is no catalogue (")],
)
def test_a_users_file_that_is_none(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "own.json"
    path.write_text(text)
    with pytest.raises(InputError, match=says.replace("(", r"\(")):
        shapes([path])
    with pytest.raises(InputError, match="cannot be read"):
        shapes([tmp_path / "none.json"])


def test_units_are_said() -> None:
    for file, key in (("shapes.json", "shapes"), ("fabrics.json", "fabrics")):
        data = json.loads((DATA / file).read_text())
        said = {word for words in data["units"] for word in words.split(", ")}
        used = {word for entry in data[key] for word in entry}
        numbers = (
            used
            - {"name", "title", "kind", "source", "labels", "fabric", "machineType", "resources"}
            - {"base"}
        )
        assert numbers - said <= {"axes"}


@pytest.mark.parametrize(
    ("find", "name", "expected"),
    [
        (shape, "dgx-h10", 'no shape "dgx-h10" (did you mean dgx-h100? there are cpu-16, cpu-64, dgx-a100, '),
        (shape, "", 'no shape "" (there are cpu-16, '),
        (catalogue.fabric, "IB_H100", 'no fabric "IB_H100" (did you mean ib_h100? there are ib_h100, '),
    ],
)
def test_unknown_name(find: object, name: str, expected: str) -> None:
    with pytest.raises(UnknownName) as caught:
        find(name)
    assert str(caught.value).startswith(expected)


def test_a_fabric_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"fabrics": [{"name": "fast", "base": "ib_h100", "nic": 100}]}))
    known = fabrics([file])
    assert known["fast"].nic == 100
    assert known["fast"].nvl == known["ib_h100"].nvl
    assert (known["fast"].title, known["fast"].source) == ("", "")
    assert list(known)[:-1] == list(fabrics())
    assert catalogue.fabric("fast", known).name == "fast"


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({"name": "x"}, "fabrics[0].nvl: 0 is not positive (a switched fabric needs one above 0)"),
        ({"name": "x", "base": "ib_h100", "nic": -1}, "fabrics[0].nic: -1 is not positive"),
        ({"name": "x", "base": "ib_h10"}, 'fabrics[0]: no fabric "ib_h10" (did you mean ib_h100? '),
        ({"name": "x", "base": "ib_h100", "nicc": 1}, "fabrics[0]: Object contains unknown field `nicc`"),
        ({"name": "x", "base": "ib_h100", "nic": "1"}, "fabrics[0].nic: Expected `float`, got `str`"),
        ({"name": "", "base": "ib_h100"}, "fabrics[0].name: is empty"),
        ({"name": "x", "base": "tpu_v5e", "axes": 4}, "fabrics[0].axes: 4 axes (1, 2 or 3)"),
        ({"name": "x", "base": "ib_h100", "g": 1}, "fabrics[0].nvls: a domain of one accelerator"),
        (
            {
                "name": "x",
                "base": "ib_h100",
                "tiers": [{"name": "rack", "domains": 4}, {"name": "p", "domains": 2}],
            },
            "fabrics[0].tiers[1].domains: 2 domains (at least 4: tiers come bottom up)",
        ),
        (3, "fabrics[0]: Expected `object`, got `int`"),
    ],
)
def test_wrong_fabrics_of_ones_own(tmp_path: Path, entry: object, text: str) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"fabrics": [entry]}))
    with pytest.raises(InputErrors) as caught:
        fabrics([file])
    assert str(caught.value).startswith(f"{file}: {text}")


@pytest.mark.parametrize(
    ("name", "size", "accelerators", "oversubscription"),
    [
        ("superpod_h100", 16384, [256], [1]),
        ("superpod_b200", 16384, [256], [1]),
        ("superpod_b300", 8192, [512], [1]),
        ("meta_roce_24k", 24576, [16, 3072], [1, 7]),
        ("alibaba_hpn", 15360, [1024], [1]),
        ("spectrum_x_4k", 4096, [512], [1]),
    ],
)
def test_reference_fabrics(
    name: str, size: int, accelerators: list[int], oversubscription: list[float]
) -> None:
    """Models of networks, section 1.1: accelerators below a switch of each tier."""
    fabric = catalogue.fabric(name)
    assert fabric.size == size
    assert [tier.domains * fabric.g for tier in fabric.tiers] == accelerators
    assert [tier.oversubscription for tier in fabric.tiers] == oversubscription
