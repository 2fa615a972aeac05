"""Counts of what became of pods."""

from __future__ import annotations

from jobsim.results.lives import PodLife


class PodCounts:
    """How many pods were created, succeeded, failed and were removed from the API.

    A pod counts as failed when it failed by itself: one that was told to stop and ended on the signal did
    not.
    """

    def __init__(self) -> None:
        self.created = self.succeeded = self.failed = self.deleted = 0

    def ended(self, life: PodLife) -> None:
        """Take in that a pod came to its phase Succeeded or Failed."""
        if life.outcome == "Succeeded":
            self.succeeded += 1
        elif life.terminating < 0:
            self.failed += 1

    def summary(self) -> dict[str, int]:
        """Return the counts by name, in the summary's order."""
        return {
            "created": self.created,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "deleted": self.deleted,
        }
