"""Names and numbers of the Job controller (K-TIM-01).

Source: kubernetes pkg/controller/job/job_controller.go, k8s.io/api batch/v1 types.go.
"""

from __future__ import annotations

from jobsim.units import SECOND

TRACKING_FINALIZER = "batch.kubernetes.io/job-tracking"
COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"
INDEX_FAILURE_COUNT = "batch.kubernetes.io/job-index-failure-count"
INDEX_IGNORED_FAILURE_COUNT = "batch.kubernetes.io/job-index-ignored-failure-count"
COMPLETION_INDEX_ENV = "JOB_COMPLETION_INDEX"
CONTROLLER_NAME = "kubernetes.io/job-controller"

#: Events that may come in numbers wait this long for more of them (K-JOB-11).
BATCH_WINDOW_NS = 1 * SECOND
#: Delay after a pass that ended with an error: base·2^k up to the cap (K-JOB-11).
ERROR_BACKOFF_BASE_NS = 1 * SECOND
ERROR_BACKOFF_CAP_NS = 60 * SECOND
#: Delay before failed pods are replaced (K-JOB-51).
POD_BACKOFF_BASE_NS = 10 * SECOND
POD_BACKOFF_CAP_NS = 600 * SECOND
#: Pods that nobody saw come or go are waited for no longer than this (K-JOB-14).
EXPECTATION_TIMEOUT_NS = 300 * SECOND
#: Pods created or deleted in one sync at most (K-JOB-31).
CREATE_DELETE_MAX = 500
#: Finished pods accounted for in one sync at most (K-JOB-100).
UNCOUNTED_MAX = 500
#: Size of the first batch of creations (K-JOB-33).
SLOW_START_BATCH = 1
#: The cause in the API server's refusal to create something in a namespace that is going away.
NAMESPACE_TERMINATING = "NamespaceTerminating"
