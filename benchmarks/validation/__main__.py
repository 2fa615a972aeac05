"""``python -m benchmarks.validation [PART...] [--rows] [--json FILE]``: each model's errors, as a table.

A part is a module of this package with ``title``, ``note``, ``summary()`` (one row a data set) and ``rows()``
(everything); both return rows of text or numbers under the same keys.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from types import ModuleType

from benchmarks.table import table
from benchmarks.validation import held_out, network, published, reliability, shapes, training

PARTS: dict[str, ModuleType] = {
    "network": network,
    "held-out": held_out,
    "training": training,
    "shapes": shapes,
    "reliability": reliability,
    "published": published,
}
#: Parts that simulate: minutes instead of seconds.
SLOW = ("reliability", "published")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validation", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--rows", action="store_true", help="each row, not only each data set")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"no such part: {unknown[0]} (allowed: {', '.join(PARTS)})")
    chosen = {name: PARTS[name] for name in options.parts or PARTS}
    for part in chosen.values():
        print(f"{part.TITLE}\n")
        if options.rows:
            print(table(part.rows()), end="\n\n")
        print(table(part.summary()), end="\n\n")
        print(part.NOTE, end="\n\n")
    if options.json is not None:
        data = {name: {"summary": p.summary(), "rows": p.rows()} for name, p in chosen.items()}
        options.json.write_text(json.dumps(data, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
