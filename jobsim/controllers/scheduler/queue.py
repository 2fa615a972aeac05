"""The scheduling queue.

Source: kubernetes pkg/scheduler/backend/queue.
"""

from __future__ import annotations

from jobsim.api.pod import Pod


def gate_of(pod: Pod) -> str:
    """Return the name of the first scheduling gate, "" if the pod is free (K-SCH-03)."""
    gates = pod.spec.scheduling_gates
    return gates[0].name if gates else ""
