"""The JobSet controller: pure decisions.

``observe`` reads, ``reconcile`` decides, ``wakes`` tells when to look again; one file per policy,
named as upstream.  Source: kubernetes-sigs/jobset pkg/controllers, v0.12.0 and @08dfbdfd.
"""

from jobsim.controllers.jobset.child import Memo
from jobsim.controllers.jobset.gates import Gates
from jobsim.controllers.jobset.observe import Seen, observe, wakes
from jobsim.controllers.jobset.reconcile import reconcile

__all__ = ["Gates", "Memo", "Seen", "observe", "reconcile", "wakes"]
