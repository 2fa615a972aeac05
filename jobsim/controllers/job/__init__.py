"""The batch/v1 Job controller, its orphan queue and TTL-after-finished, as pure decisions.

``observe`` reads, ``reconcile`` decides, ``wakes`` says which Jobs an event concerns; ``note`` and
``memory_of`` keep what the controller remembers.  ``orphans`` and ``ttl`` are components of their own.
"""

from jobsim.controllers.job import orphans, ttl
from jobsim.controllers.job.events import wakes
from jobsim.controllers.job.memory import Memory, note
from jobsim.controllers.job.memory import key_of as memory_of
from jobsim.controllers.job.pod_tally import PodTally
from jobsim.controllers.job.pods import tally
from jobsim.controllers.job.reconcile import Seen, observe, reconcile

__all__ = [
    "Memory",
    "PodTally",
    "Seen",
    "memory_of",
    "note",
    "observe",
    "orphans",
    "reconcile",
    "tally",
    "ttl",
    "wakes",
]
