"""Many costs at once: sizes, shares and ranks as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from jobsim.errors import InputError
from jobsim.hardware.catalogue.fabric import Fabric
from jobsim.hardware.collectives import Group, group_of, known_fabric, known_op, lines
from jobsim.hardware.collectives_line import Choose
from jobsim.hardware.collectives_placement import Order, Place, Placement
from jobsim.hardware.collectives_torus import Torus

_NUMPY: tuple[Choose, Choose] = (cast(Choose, np.minimum), cast(Choose, np.maximum))
Floats = npt.NDArray[np.float64]


def collective_times(
    op: str,
    nbytes: npt.ArrayLike,
    *,
    fabric: str | Fabric,
    ranks: npt.ArrayLike | None = None,
    placement: Placement | Torus | Sequence[Place] | None = None,
    order: Order = "rank",
    share: npt.ArrayLike = 1.0,
    algorithm: str | None = None,
) -> Floats:
    """Return what many collectives cost, as ``collective_time`` says for each.

    Parameters
    ----------
    nbytes : float64, any shape, bytes
    ranks : int, any shape
        Accelerators; or one placement for all.
    share : float64, any shape
        The shapes are broadcast together.

    Returns
    -------
    float64, the broadcast shape, seconds

    Raises
    ------
    InputError
        As ``collective_time`` does, for the first value that is wrong.

    Examples
    --------
    >>> collective_times("all-reduce", [2**20, 2**30], ranks=64, fabric="ib_h100").round(6).tolist()
    [0.000165, 0.005811]
    """
    op, fabric = known_op(op), known_fabric(fabric)
    sizes = np.asarray(nbytes, np.float64)
    shares = np.asarray(share, np.float64)
    if not (np.isfinite(sizes) & (sizes >= 0)).all():
        raise InputError("bytes that are negative or no number (0 or more)", path="nbytes")
    if not ((shares > 0) & (shares <= 1)).all():
        raise InputError("a share outside of (0, 1]", path="share")
    if placement is not None or ranks is None or isinstance(ranks, tuple):
        group = group_of(fabric, cast(Any, ranks), placement, order)
        shape = np.broadcast_shapes(sizes.shape, shares.shape)
        found = _seconds(op, fabric, group, np.broadcast_to(sizes, shape), shares, algorithm)
        return np.array(np.broadcast_to(found, shape))
    counts = np.asarray(ranks)
    if counts.dtype.kind not in "iu":
        raise InputError("ranks that are no whole numbers", path="ranks")
    sizes, shares, counts = np.broadcast_arrays(sizes, shares, counts)
    out = np.zeros(sizes.shape)
    for count in np.unique(counts).tolist():
        at = counts == count
        group = group_of(fabric, count, None, order)
        out[at] = _seconds(op, fabric, group, sizes[at], shares[at], algorithm)
    return out


def _seconds(
    op: str, fabric: Fabric, group: Group, sizes: Floats, shares: Floats, algorithm: str | None
) -> Floats:
    """Return the seconds of one group."""
    if group.size == 1:
        return np.zeros(np.broadcast_shapes(sizes.shape, shares.shape))
    found = lines(op, fabric, group, cast(float, shares), algorithm, _NUMPY)
    costs = [line.latency_s + np.asarray(line.per_byte_s) * sizes for line in found]
    return np.minimum.reduce(costs) if len(costs) > 1 else np.asarray(costs[0])
