"""The network model against measurements: predicted and measured, for each row and each data set.

Two forms of file: published measurements of collectives (``{"rows": [...]}``: bus bandwidth in GB/s) and
runs of ASTRA-sim (``{"vectors": [...]}``: ns).  Errors are predicted over measured, less 1.  Small messages
are predicted no better than by a factor of two; bands keep them apart.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jobsim.api import codec
from jobsim.api._struct import Struct, field
from jobsim.errors import InputError, InputErrors
from jobsim.hardware.calibrate_astra import Vector, covered, faults, predict_ns
from jobsim.hardware.catalogue import Fabric, UnknownName, fabric, fabrics, shapes
from jobsim.hardware.catalogue.files import split_path
from jobsim.hardware.collectives import bus_bandwidth, collective_time, known_op

MIB = 2**20
_TOLD_EVERY = 500
#: Bands of message sizes, by their lower bound.
BANDS: tuple[tuple[str, int], ...] = ((">=256 MiB", 256 * MIB), ("16-256 MiB", 16 * MIB), ("<16 MiB", 0))
#: Names under which measurements were published, and the fabric of each.
PLATFORMS: Mapping[str, str] = {
    "p4de": "efa_a100",
    "p5": "efa_h100",
    "p5old": "efa_h100",
    "p6b200": "efa_b200",
    "b200": "efa_b200",
    "h200": "ib_h100",
    "hpn_h100": "ib_h100",
}
#: What else a platform's name may contain: the first that fits says the fabric.
_HINTS = (
    *(("gb200", "gb200"), ("p6", "efa_b200"), ("p5", "efa_h100"), ("p4", "efa_a100"), ("b200", "ib_b200")),
    *(("h200", "ib_h100"), ("h100", "ib_h100"), ("a100", "ib_a100")),
)


class Measured(Struct, kw_only=True, forbid_unknown_fields=False):
    """One published measurement.

    Parameters
    ----------
    id : str
        Made of the rest when there is none.
    src : str
        Data set.
    platform, fabric : str
        The fabric itself, or a platform's name.
    coll : str
    nodes, g : int
        Scale-up domains, and ranks in each.
    nbytes : float
        ``S`` in files, bytes.
    bus : float
        Bus bandwidth, GB/s.
    """

    id: str = ""
    src: str = "rows"
    platform: str = ""
    fabric: str = ""
    coll: str
    nodes: int
    g: int
    nbytes: float = field(name="S")
    bus: float


class Row(NamedTuple):
    """One comparison; ``error`` is a share, above 0 where more was predicted than measured.

    ``domains``, ``ranks`` in each and ``nbytes`` are of measurements only; ``guessed`` is the platform whose
    fabric only a part of its name says.
    """

    id: str
    dataset: str
    unit: str
    measured: float
    predicted: float
    error: float
    band: str
    fabric: str
    algorithm: str
    domains: int = 0
    ranks: int = 0
    nbytes: float = 0.0
    guessed: str = ""


class Errors(NamedTuple):
    """Errors of several rows, as shares of what was measured, without their signs but for ``bias``."""

    n: int
    bias: float
    mape: float
    median: float
    p90: float
    p99: float
    worst: float
    within15: float


class Calibration(NamedTuple):
    """All comparisons of some files, and how many entries have no closed form to compare with."""

    rows: tuple[Row, ...]
    left_out: int

    def datasets(self, bands: bool = False) -> dict[str, Errors]:
        """Return the errors of each data set, or of each band of each."""
        groups: dict[str, list[float]] = {}
        for row in self.rows:
            name = f"{row.dataset} {row.band}".strip() if bands else row.dataset
            groups.setdefault(name, []).append(row.error)
        return {name: errors_of(group) for name, group in groups.items()}

    def bands(self) -> dict[str, Errors]:
        """Return the errors of each band of message sizes over all measurements."""
        found = {band: [row.error for row in self.rows if row.band == band] for band, _ in BANDS}
        return {band: errors_of(group) for band, group in found.items() if group}


def calibrate(
    files: Iterable[str | Path],
    catalogues: Iterable[str | Path] = (),
    progress: Callable[[int, int], object] | None = None,
) -> Calibration:
    """Return what the model says to measurements.

    Parameters
    ----------
    files : paths of JSON files
    catalogues : paths
        Fabrics of one's own.
    progress : callable, optional
        Told now and then how many entries of the file are done, and how many there are.

    Raises
    ------
    InputErrors
        With all that is wrong in the files.
    """
    known = fabrics(catalogues)
    rows: list[Row] = []
    wrong: list[InputError] = []
    left_out = 0
    for file in files:
        text = _text(Path(file))
        data = _data(text, str(file))
        key = "rows" if "rows" in data else "vectors"
        seen: dict[str, int] = {}
        for i, entry in enumerate(data[key]):
            if progress is not None and i % _TOLD_EVERY == 0:
                progress(i, len(data[key]))
            try:
                row = _measured(entry, known) if key == "rows" else _astra(entry)
            except (codec.DecodeError, UnknownName, InputError) as err:
                at, reason = ("", err.text) if isinstance(err, InputError) else split_path(str(err))
                where = f"{key}[{i}]{at}"
                wrong.append(InputError(reason, file=str(file), line=_line(text, key, i), path=where))
                continue
            if row is None:
                left_out += 1
                continue
            seen[row.id] = seen.get(row.id, 0) + 1
            rows.append(row._replace(id=f"{row.id} #{seen[row.id]}") if seen[row.id] > 1 else row)
    if wrong:
        raise InputErrors(wrong)
    return Calibration(tuple(rows), left_out)


def errors_of(errors: Sequence[float]) -> Errors:
    """Return the summary of some errors."""
    sizes = sorted(map(abs, errors))
    n = len(sizes)
    return Errors(
        n=n,
        bias=math.fsum(errors) / n,
        mape=math.fsum(sizes) / n,
        median=_quantile(sizes, 0.5),
        p90=_quantile(sizes, 0.9),
        p99=_quantile(sizes, 0.99),
        worst=sizes[-1],
        within15=sum(size <= 0.15 for size in sizes) / n,
    )


def fabric_of(row: Measured, known: Mapping[str, Fabric]) -> tuple[Fabric, bool]:
    """Return the fabric of a measurement: its own, its platform's, or (guessed) by a word of the name.

    Raises
    ------
    UnknownName
        When nothing fits.
    """
    if row.fabric:
        return fabric(row.fabric, known), False
    name = row.platform.lower().replace("-", "_")
    if name in PLATFORMS:
        return known[PLATFORMS[name]], False
    if name in known:
        return known[name], False
    shape = {shape.name.replace("-", "_"): shape for shape in shapes().values()}.get(name)
    if shape is not None and shape.fabric:
        return known[shape.fabric], False
    for hint, found in _HINTS:
        if hint in name:
            return known[found], True
    return fabric(row.platform, known), False


def _measured(entry: Any, known: Mapping[str, Fabric]) -> Row:
    row = codec.convert(entry, Measured)
    for name, number in (("nodes", row.nodes), ("g", row.g), ("S", row.nbytes), ("bus", row.bus)):
        if not 0 < number < math.inf:
            raise InputError(f"{name}: {number} (above 0)")
    (network, guessed), op = fabric_of(row, known), known_op(row.coll)
    if row.nodes * row.g < 2:
        raise InputError("nodes and g: a rank alone has no bandwidth (2 or more)")
    ranks = (row.nodes, row.g) if network.kind == "switched" else row.nodes * row.g
    cost = collective_time(op, row.nbytes, ranks=ranks, fabric=network)
    predicted = bus_bandwidth(op, row.nbytes, row.nodes * row.g, cost.seconds) / 1e9
    return Row(
        id=row.id or f"{row.src} {row.platform or row.fabric} {op} {row.nodes}x{row.g} {row.nbytes:.0f}",
        dataset=f"{row.src} {op}",
        unit="GB/s",
        measured=row.bus,
        predicted=predicted,
        error=predicted / row.bus - 1,
        band=next(name for name, least in BANDS if row.nbytes >= least),
        fabric=network.name,
        algorithm=cost.algorithm,
        domains=row.nodes,
        ranks=row.g,
        nbytes=row.nbytes,
        guessed=row.platform if guessed else "",
    )


def _astra(entry: Any) -> Row | None:
    vector = codec.convert(entry, Vector)
    problem = faults(vector)
    if problem:
        raise InputError(problem)
    if not covered(vector):
        return None
    predicted = predict_ns(vector)
    return Row(
        id=vector.name,
        dataset=f"astra {vector.backend}",
        unit="ns",
        measured=vector.time_ns,
        predicted=predicted,
        error=predicted / vector.time_ns - 1,
        band="",
        fabric="-".join(vector.topology),
        algorithm="+".join(vector.impl),
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as err:
        raise InputError(f"cannot be read: {(err.strerror or str(err)).lower()}", file=str(file)) from None
    except UnicodeDecodeError:
        raise InputError("is not UTF-8 text", file=str(file)) from None


def _data(text: str, file: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as err:
        raise InputError(f"is not JSON: {err.msg}", file=file, line=err.lineno) from None
    except RecursionError:
        raise InputError("is nested too deeply", file=file) from None
    key = next((key for key in ("rows", "vectors") if isinstance(data, dict) and key in data), None)
    if key is None or not isinstance(data[key], list):
        raise InputError('holds no measurements ({"rows": [...]} or {"vectors": [...]})', file=file)
    if not data[key]:
        raise InputError(f"{key}: is empty (one measurement or more)", file=file)
    return {key: data[key]}


def _line(text: str, key: str, index: int) -> int:
    """Return the line on which an entry begins."""
    decode = json.JSONDecoder().raw_decode
    begin = at = text.find("[", text.find(f'"{key}"')) + 1
    for _ in range(index + 1):
        begin = re.compile(r"[\s,]*").match(text, at).end()  # type: ignore[union-attr]
        at = decode(text, begin)[1]
    return text.count("\n", 0, begin) + 1


def _quantile(ascending: Sequence[float], share: float) -> float:
    """Return a quantile by linear interpolation."""
    at = share * (len(ascending) - 1)
    low = int(at)
    high = min(low + 1, len(ascending) - 1)
    return ascending[low] + (ascending[high] - ascending[low]) * (at - low)
