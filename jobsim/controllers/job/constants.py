"""Names and numbers of the Job controller (K-TIM-01).

Source: kubernetes pkg/controller/job/job_controller.go, k8s.io/api batch/v1 types.go.
"""

from __future__ import annotations

from jobsim.api.timing import JOB_UNCOUNTED_MAX

TRACKING_FINALIZER = "batch.kubernetes.io/job-tracking"
COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"
INDEX_FAILURE_COUNT = "batch.kubernetes.io/job-index-failure-count"
INDEX_IGNORED_FAILURE_COUNT = "batch.kubernetes.io/job-index-ignored-failure-count"
COMPLETION_INDEX_ENV = "JOB_COMPLETION_INDEX"
CONTROLLER_NAME = "kubernetes.io/job-controller"

#: Finished pods accounted for in one sync at most (K-JOB-100).
UNCOUNTED_MAX = JOB_UNCOUNTED_MAX
#: Size of the first batch of creations (K-JOB-33).
SLOW_START_BATCH = 1
#: The cause in the API server's refusal to create something in a namespace that is going away.
NAMESPACE_TERMINATING = "NamespaceTerminating"
