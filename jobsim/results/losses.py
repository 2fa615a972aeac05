"""Losses: what each cause of interruptions took from a JobSet, ns.

From the instant at which a failure hits one of its pods until the next step, time that is not useful goes
to that failure's cause, and so does the step time that it undoes.  An interruption that no failure explains
(a pod that ends by itself, a suspension) is ``other``.  A cause that does not stop the gang within a minute
is forgotten.
"""

from __future__ import annotations

from jobsim.units import MINUTE

OTHER = "other"


class Losses:
    """Who is to blame.

    Attributes
    ----------
    by_cause : dict of str to int
        Lost time, rework included.
    degraded : dict of str to int
        Step time beyond nominal.
    interruptions : int
        How often the gang stopped stepping.
    down_ns, recoveries : int
        Time from there to the next step, of those that came to one.
    """

    def __init__(self) -> None:
        self.by_cause: dict[str, int] = {}
        self.degraded: dict[str, int] = {}
        self.interruptions = self.down_ns = self.recoveries = 0
        self._cause, self._blamed_at = "", 0
        self._down_since: int | None = None

    def blame(self, time: int, cause: str) -> None:
        """Take in that a failure hit the JobSet."""
        self._cause, self._blamed_at = cause or OTHER, time

    def stopped(self, time: int) -> None:
        """Take in that the gang stopped stepping."""
        self.interruptions += 1
        self._down_since = time
        self._cause = self._cause or OTHER

    def idle(self, ns: int) -> None:
        """Take in time without a step after an interruption, or after a failure during the start."""
        if self._cause:
            self._add(ns)

    def stepped(self, since: int, until: int) -> None:
        """Take in time with steps."""
        if self._down_since is not None:
            self.down_ns += since - self._down_since
            self.recoveries += 1
            self._down_since = None
            self._cause = self._cause if self._blamed_at >= since else ""
        if self._cause and until - self._blamed_at > MINUTE:
            self._cause = ""

    def undone(self, ns: int) -> None:
        """Take in step time that was undone."""
        self._cause = self._cause or OTHER
        self._add(ns)

    def slowed(self, ns: int, cause: str) -> None:
        """Take in step time beyond nominal."""
        if ns:
            self.degraded[cause or OTHER] = self.degraded.get(cause or OTHER, 0) + ns

    def _add(self, ns: int) -> None:
        if ns:
            self.by_cause[self._cause] = self.by_cause.get(self._cause, 0) + ns
