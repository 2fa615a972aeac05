"""Documents that use nearly every field, and values that nobody should send in any of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

Path = tuple[str | int, ...]

_POD_TEMPLATE = """
metadata:
  labels: {a: b}
  annotations: {alpha.jobset.sigs.k8s.io/exclusive-topology: rack}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 5
  priorityClassName: high
  schedulerName: s
  nodeName: ''
  serviceAccountName: sa
  activeDeadlineSeconds: 9
  subdomain: d
  hostname: h
  nodeSelector: {a: b}
  runtimeClassName: rc
  dnsPolicy: None
  dnsConfig:
    nameservers: [1.1.1.1]
    searches: [a.b]
    options:
    - {name: ndots, value: '2'}
  tolerations:
  - {key: k, operator: Exists, effect: NoExecute, tolerationSeconds: 3}
  schedulingGates:
  - {name: g}
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms:
        - matchExpressions:
          - key: k
            operator: In
            values: [v]
          matchFields:
          - key: metadata.name
            operator: In
            values: [n]
      preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 1
        preference:
          matchExpressions:
          - key: k
            operator: Gt
            values: ['1']
    podAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: rack
        labelSelector:
          matchLabels: {a: b}
          matchExpressions:
          - {key: k, operator: Exists}
        namespaceSelector: {}
        namespaces: [x]
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 3
        podAffinityTerm:
          topologyKey: rack
          labelSelector: {}
  topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: z
    whenUnsatisfiable: DoNotSchedule
    labelSelector:
      matchLabels: {a: b}
    minDomains: 2
  securityContext:
    fsGroup: 3
    sysctls:
    - {name: a.b, value: '1'}
  imagePullSecrets:
  - {name: s}
  overhead: {cpu: '1'}
  volumes:
  - name: claim
    emptyDir: {}
  - name: v
    emptyDir: {sizeLimit: 1Gi}
  - name: cm
    configMap:
      name: c
      items:
      - {key: k, path: p}
      defaultMode: 420
  - name: p
    persistentVolumeClaim: {claimName: c}
  - name: h
    hostPath: {path: /x, type: ''}
  - name: pr
    projected:
      sources:
      - secret: {name: s}
      - downwardAPI:
          items:
          - path: a
            fieldRef: {fieldPath: metadata.name}
  initContainers:
  - {name: i, image: i, restartPolicy: Always}
  containers:
  - name: c
    image: i
    command: [a]
    args: [b]
    imagePullPolicy: Always
    ports:
    - {containerPort: 80, name: p, protocol: TCP, hostPort: 1}
    env:
    - {name: E, value: v}
    - name: F
      valueFrom:
        fieldRef: {fieldPath: metadata.name}
    - name: G
      valueFrom:
        secretKeyRef: {name: s, key: k}
    envFrom:
    - configMapRef: {name: c}
      prefix: P
    resources:
      limits: {cpu: '1', memory: 1Gi, nvidia.com/gpu: 8}
      requests: {cpu: 500m}
    volumeMounts:
    - {name: v, mountPath: /v, subPath: s}
    - {name: claim, mountPath: /c}
    livenessProbe:
      httpGet: {path: /, port: 80}
      periodSeconds: 1
    startupProbe:
      exec:
        command: [a]
    readinessProbe:
      tcpSocket: {port: p}
    restartPolicy: Never
    lifecycle:
      preStop:
        exec:
          command: [x]
    restartPolicyRules:
    - action: Restart
      exitCodes:
        operator: In
        values: [1]
    securityContext: {privileged: true}
"""
_JOB_SPEC = """
parallelism: 2
completions: 2
completionMode: Indexed
backoffLimit: 3
activeDeadlineSeconds: 3
ttlSecondsAfterFinished: 3
suspend: false
podReplacementPolicy: Failed
podFailurePolicy:
  rules:
  - action: Ignore
    onPodConditions:
    - {type: DisruptionTarget, status: 'True'}
  - action: FailJob
    onExitCodes:
      containerName: c
      operator: In
      values: [1, 2]
backoffLimitPerIndex: 1
maxFailedIndexes: 1
successPolicy:
  rules:
  - {succeededIndexes: '0', succeededCount: 1}
"""
_JOB = """
apiVersion: batch/v1
kind: Job
metadata:
  name: j
  namespace: default
  labels: {a: b}
  annotations: {c: d}
  finalizers: [a/b]
  ownerReferences:
  - {apiVersion: v1, kind: Pod, name: p, uid: u, controller: true}
"""
_JOBSET = """
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata:
  name: a
  namespace: default
  labels: {a: b, kueue.x-k8s.io/queue-name: q}
  annotations: {alpha.jobset.sigs.k8s.io/exclusive-topology: rack}
  finalizers: [a/b]
spec:
  replicatedJobs:
  - name: d
    groupName: g
    replicas: 2
    template:
      metadata:
        labels: {a: b}
        annotations: {c: d}
  - name: w
    template:
      spec:
        template:
          spec:
            containers:
            - name: c
              image: i
              volumeMounts:
              - {name: own, mountPath: /o}
    dependsOn:
    - {name: d, status: Ready}
  network: {enableDNSHostnames: true, subdomain: s, publishNotReadyAddresses: true}
  successPolicy:
    operator: All
    targetReplicatedJobs: [d]
  failurePolicy:
    maxRestarts: 2
    restartStrategy: Recreate
    rules:
    - name: r
      action: RestartJob
      targetReplicatedJobs: [d]
      onJobFailureReasons: [BackoffLimitExceeded]
      onJobFailureMessagePatterns: [.*]
  startupPolicy: {startupPolicyOrder: AnyOrder}
  suspend: false
  coordinator: {replicatedJob: d, jobIndex: 0, podIndex: 0}
  managedBy: a.b/c
  ttlSecondsAfterFinished: 4
  volumeClaimPolicies:
  - templates:
    - metadata:
        name: own
        labels: {x: y}
      spec:
        accessModes: [ReadWriteOnce]
        resources:
          requests: {storage: 1Gi}
    retentionPolicy: {whenDeleted: Retain}
"""
_FOLLOWER = """
apiVersion: v1
kind: Pod
metadata:
  name: p
  namespace: default
  labels: {jobset.sigs.k8s.io/jobset-name: t, jobset.sigs.k8s.io/replicatedjob-name: w,
    jobset.sigs.k8s.io/job-index: '0'}
  annotations: {jobset.sigs.k8s.io/jobset-name: t, alpha.jobset.sigs.k8s.io/exclusive-topology: rack,
    batch.kubernetes.io/job-completion-index: '0'}
"""


def _documents() -> list[dict[str, Any]]:
    texts = (_POD_TEMPLATE, _JOB_SPEC, _JOB, _JOBSET, _FOLLOWER)
    pods, spec, job, jobset, follower = map(yaml.safe_load, texts)
    spec["template"] = pods
    job["spec"] = jobset["spec"]["replicatedJobs"][0]["template"]["spec"] = spec
    follower["spec"] = pods["spec"]
    return [jobset, job, follower]


JOBSET, JOB, FOLLOWER = _documents()


def _nested(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = {"x": value} if level % 2 else [value]
    return value


#: Values of every kind, by what is bad about them.
HOSTILE: dict[str, Any] = {
    "a million characters": "x" * 10**6,
    "a million letters beyond ASCII": "\u4e16" * 10**6,
    "control characters": "\x00\x1b[31m\x7f\r\n",
    "a lone surrogate": "\ud800",
    "text that turns around": "\u202e\u2066evil\u2069",
    "verbs of printf": "%s%d%n",
    "nothing": "",
    "two dots": "..",
    "a number as text": "5",
    "beyond int32": 2**31,
    "below int32": -(2**31) - 1,
    "beyond int64": 2**63,
    "beyond uint64": 2**64,
    "below int64": -(2**63) - 1,
    "beyond float64": 10**5000,
    "a huge float": 1e300,
    "a fraction": 1.5,
    "no number": float("nan"),
    "minus infinity": float("-inf"),
    "below zero": -1,
    "zero": 0,
    "true": True,
    "null": None,
    "a list": [],
    "a list of null": [None],
    "a list of everything": ["a", 1, None, {}],
    "a map": {},
    "a map with null": {"a": None},
    "a map with a bad key": {"\udfff": 1},
    "a map with a long key": {"k" * 10**6: "v"},
    "deep": _nested(150),
    "too deep": _nested(10_000),
}


def paths(value: Any, at: Path = ()) -> Iterator[Path]:
    """Yield the paths of all parts of a document, outer ones first."""
    if at:
        yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*at, key))


def put(doc: Any, path: Path, value: Any) -> Any:
    """Return a document with another value at a path."""
    if not path:
        return value
    if isinstance(doc, list):
        return [put(item, path[1:], value) if i == path[0] else item for i, item in enumerate(doc)]
    return {**doc, path[0]: put(doc.get(path[0]), path[1:], value)}
