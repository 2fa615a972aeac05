"""The yardstick: a bare simpy timeout, measured in the process that it is compared in.

Wall times of machines like these move by 10 to 20 %; a ratio moves far less, because both sides
slow down together.
"""

from __future__ import annotations

from collections.abc import Generator
from time import process_time

import simpy

TIMEOUTS = 200_000


def bare_timeout_us() -> float:
    """Return the CPU time of one timeout of one simpy process, µs (best of three)."""
    best = float("inf")
    for _ in range(3):
        env = simpy.Environment()

        def loop(env: simpy.Environment = env) -> Generator[simpy.Event, None, None]:
            for _ in range(TIMEOUTS):
                yield env.timeout(1)

        env.process(loop())
        began = process_time()
        env.run()
        best = min(best, process_time() - began)
    return best / TIMEOUTS * 1e6
