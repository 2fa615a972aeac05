"""TPU slices: the vendors' numbers of whole pods, wrap-around, and slices that there are not."""

from __future__ import annotations

import pytest

from jobsim.hardware.catalogue import shape, shapes
from jobsim.hardware.slices import slice_of, wraps

TPUS = [name for name, one in shapes().items() if one.topologies]


@pytest.mark.parametrize(
    ("name", "pod", "bisection_tbs", "all_reduce_tbs"),
    [
        ("tpu-v5e", "16x16", 1.6, 51.2),
        ("tpu-v6e", "16x16", 3.2, 102.4),
        ("tpu-v4", "16x16x16", 24.0, 1152.0),  # published as 1.1 PB/s
    ],
)
def test_whole_pods(name: str, pod: str, bisection_tbs: float, all_reduce_tbs: float) -> None:
    whole = slice_of(shape(name), pod)
    assert whole.bisection / 1000 == pytest.approx(bisection_tbs, rel=1e-3)
    assert whole.all_reduce / 1000 == pytest.approx(all_reduce_tbs, rel=1e-3)


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ((4, 4, 4), (True, True, True)),
        ((4, 8, 12), (True, True, True)),
        ((2, 4, 4), (False, False, False)),
        ((2, 2, 1), (False, False, False)),
        ((16, 16), (True, True)),
        ((8, 16), (False, True)),
        ((8, 8), (False, False)),
        ((16,), (False,)),
    ],
)
def test_wrap_around(sides: tuple[int, ...], expected: tuple[bool, ...]) -> None:
    assert wraps(sides) == expected


def test_without_wrap_the_bandwidth_of_an_axis_halves() -> None:
    tpu = shape("tpu-v5p")
    # A line of 4 has 3 links, a ring of 4 has 4; a cut meets one or two of them.
    assert slice_of(tpu, "2x4x4").bisection == 8 * 100
    assert slice_of(tpu, "4x4x4").bisection == 2 * 16 * 100
    assert slice_of(tpu, "2x2x1").links == 4
    assert slice_of(tpu, "4x4x4").links == 3 * 64


@pytest.mark.parametrize("name", TPUS)
def test_every_slice_that_is_offered_is_whole(name: str) -> None:
    machine = shape(name)
    for topology in (*machine.topologies, machine.pod, *([machine.largest] if machine.domain > 256 else [])):
        found = slice_of(machine, topology)
        assert found.hosts * machine.devices == found.chips <= machine.domain
        assert found.links <= len(found.shape) * found.chips


@pytest.mark.parametrize(
    ("name", "topology", "says"),
    [
        (
            "tpu-v5e",
            "4x2",
            'tpu-v5e has no slice "4x2" (there are 2x2, 2x4, 4x4, 4x8, 8x8, 8x16, 16x16)',
        ),
        ("tpu-v5e", "4x4x4", "has no slice"),
        ("tpu-v6e", "32x32", "there are 2x2"),
        (
            "tpu-v5p",
            "4x8x6",
            "16x16x24, and AxBxC of multiples of 4, ascending, up to 16x16x24)",
        ),
        ("tpu-v5p", "16x20x24", "has no slice"),
        ("tpu-v4", "8x4x4", "ascending"),
        ("tpu-v4", "0x4x4", "has no slice"),
        ("tpu-v4", "4x4x4x4", "has no slice"),
        ("tpu-v4", "04x4x4", "has no slice"),
        ("tpu-v4", "", "has no slice"),
        ("dgx-h100", "4x4", "dgx-h100 has no slices (TPU shapes do)"),
    ],
)
def test_slices_that_do_not_exist(name: str, topology: str, says: str) -> None:
    with pytest.raises(ValueError) as caught:
        slice_of(shape(name), topology)
    assert says in str(caught.value)


def test_cubes_that_are_not_listed() -> None:
    assert slice_of(shape("tpu-v5p"), "4x4x12").hosts == 48
    assert slice_of(shape("tpu-v5p"), "16x20x28").chips == 8960
