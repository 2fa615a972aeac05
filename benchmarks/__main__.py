"""``python -m benchmarks [--sizes 100,1000] [--cases FILE] [--json FILE]``: tables, the same as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks import network, ring, scale, small
from benchmarks.table import table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--sizes", default=",".join(map(str, ring.SIZES)), help="pods, comma separated")
    parser.add_argument("--cases", type=Path, help="recorded reconciles to measure too")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    unknown = [size for size in sizes if size not in ring.SIZES]
    if unknown:
        parser.error(f"no such size: {unknown[0]} (allowed: {', '.join(map(str, ring.SIZES))})")
    rings = []
    for size in sizes:
        print(f"{size:,} pods ...", file=sys.stderr)
        rings.append(ring.measure_apart(size))
    print("large things ...", file=sys.stderr)
    larges = [scale.measure_apart(what) for what in scale.LIMITS]
    smalls = [small.admission(), small.tiny(), small.contention(), *network.prices(), *small.steady()]
    if options.cases is not None:
        smalls.append(small.recorded(options.cases))
    print("Gang start and full restart (ratio: a pod life in bare simpy timeouts)\n")
    print(table(rings), end="\n\n")
    print("Large single things (ratio of a pod: in bare simpy timeouts)\n")
    print(table(larges), end="\n\n")
    print("Small things (ratio: in bare simpy timeouts)\n")
    print(table(smalls))
    if options.json is not None:
        options.json.write_text(
            json.dumps({"ring": rings, "large": larges, "small": smalls}, indent=2) + "\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
