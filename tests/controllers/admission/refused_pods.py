"""Pod specs with faults, by name: what is said of them is in ``golden/pod_refusals.txt``."""

from __future__ import annotations

from typing import Any


def container(**fields: Any) -> dict[str, Any]:
    return {"containers": [{"name": "c", "image": "i", **fields}]}


TERMS = "requiredDuringSchedulingIgnoredDuringExecution"
SOFT = "preferredDuringSchedulingIgnoredDuringExecution"


def on_node(**term: Any) -> dict[str, Any]:
    return {"affinity": {"nodeAffinity": {TERMS: {"nodeSelectorTerms": [term]}}}}


def limits(**amounts: Any) -> dict[str, Any]:
    return container(resources={"limits": {k.replace("_", "-"): v for k, v in amounts.items()}})


def init(**fields: Any) -> dict[str, Any]:
    return {"initContainers": [{"name": "i", "image": "i", **fields}]}


def spread(**fields: Any) -> dict[str, Any]:
    return {"maxSkew": 1, "topologyKey": "k", "whenUnsatisfiable": "DoNotSchedule", **fields}


EXEC = {"exec": {"command": ["x"]}}
REFUSALS: dict[str, dict[str, Any]] = {
    "no containers": {"containers": []},
    "container names": {
        "containers": [{"image": "i"}, {"name": "A", "image": "i"}, {"name": "A", "image": ""}]
    },
    "policies of a container": container(
        imagePullPolicy="X", terminationMessagePolicy="X", restartPolicy="X"
    ),
    "ports": container(
        ports=[{"containerPort": 0}, {"containerPort": 1, "hostPort": 70000, "protocol": "X"}]
    ),
    "port names": container(
        ports=[{"containerPort": 1, "name": n} for n in ("A--b-", "123", "a" * 16, "a", "a")]
    ),
    "host ports twice": container(ports=[{"containerPort": i, "hostPort": 5} for i in (1, 2)]),
    "host network": {"hostNetwork": True, **container(ports=[{"containerPort": 1, "hostPort": 2}])},
    "variables": container(env=[{"name": ""}, {"name": "a=b"}, {"name": "a", "valueFrom": {}}]),
    "variables' sources": container(
        env=[
            {"name": "a", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "b", "valueFrom": {"fieldRef": {"fieldPath": "bogus"}}},
            {"name": "d", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a b']"}}},
            {
                "name": "e",
                "valueFrom": {"secretKeyRef": {"name": ""}, "configMapKeyRef": {"name": "a", "key": "b"}},
            },
            {"name": "f", "valueFrom": {"fieldRef": {}}},
        ]
    ),
    "mounts": {
        "volumes": [{"name": "v"}],
        **container(
            volumeMounts=[
                {"name": "v", "mountPath": "/x"},
                {"name": "w", "mountPath": "/x"},
                {"name": "", "mountPath": ""},
            ]
        ),
    },
    "volume names": {"volumes": [{"name": "v"}, {"name": "v"}, {"name": "V"}, {"name": ""}]},
    "volume sources": {
        "volumes": [
            {"name": "a", "emptyDir": {"sizeLimit": "-1"}, "hostPath": {"path": "/"}},
            {"name": "b", "persistentVolumeClaim": {"claimName": ""}},
            {"name": "c", "configMap": {}},
            {"name": "d", "secret": {}},
            {"name": "e", "hostPath": {"path": ""}},
            {"name": "f", "hostPath": {"path": "/a/../b", "type": "X"}},
        ]
    },
    "amounts": container(
        resources={"limits": {"cpu": 1, "x.y/gpu": "1.5"}, "requests": {"cpu": 2, "memory": "-1"}}
    ),
    "resource names": limits(foo=1, storage=1, requests_a=1) | {},
    "device without a limit": container(resources={"requests": {"x.y/gpu": 1}}),
    "device with two amounts": container(resources={"requests": {"x.y/gpu": 1}, "limits": {"x.y/gpu": 2}}),
    "huge pages alone": limits(hugepages_2Mi="2Mi"),
    "no such claim": {**container(resources={"claims": [{"name": "x"}, {"name": "x"}, {}]})},
    "claims": {
        "resourceClaims": [
            {"name": "r"},
            {"name": "r", "resourceClaimName": "x"},
            {"resourceClaimName": "x"},
            {"name": "s", "resourceClaimName": "x", "resourceClaimTemplateName": "y"},
        ]
    },
    "probes": container(
        livenessProbe={},
        readinessProbe={"exec": {}, "tcpSocket": {"port": 1}, "periodSeconds": -1},
        startupProbe={**EXEC, "successThreshold": 2, "terminationGracePeriodSeconds": 0},
    ),
    "restart rules": container(
        restartPolicyRules=[{"action": "X"}, {"action": "Restart", "exitCodes": {"operator": "X"}}]
    ),
    "init containers": {
        "initContainers": [{"name": "c", "image": "i"}, {"name": "i", "image": "", "livenessProbe": EXEC}]
    },
    "sidecars": init(restartPolicy="Always", livenessProbe={}),
    "policies": {"restartPolicy": "X", "dnsPolicy": "X"},
    "DNS without servers": {"dnsPolicy": "None"},
    "names": {"nodeName": "A_", "hostname": "A_b", "subdomain": "a.b", "activeDeadlineSeconds": 0},
    "selector": {"nodeSelector": {"a b": "c", "d": "e f"}},
    "shared processes": {"shareProcessNamespace": True, "hostPID": True},
    "tolerations": {
        "tolerations": [
            {"operator": "Equal"},
            {"key": "a", "operator": "Exists", "value": "x"},
            {"key": "a b", "value": "b c"},
            {"key": "a", "operator": "X"},
            {"key": "a", "operator": "Lt", "tolerationSeconds": 3, "effect": "X"},
        ]
    },
    "node affinity": on_node(
        matchExpressions=[
            {"key": "a b", "operator": "Gt", "values": ["1", "2"]},
            {"key": "a", "operator": "Exists", "values": ["x"]},
            {"key": "a", "operator": "X"},
            {"key": "a", "operator": "In", "values": ["b c"]},
            {"key": "a", "operator": "In"},
        ],
        matchFields=[
            {"key": "x", "operator": "Exists"},
            {"key": "metadata.name", "operator": "In", "values": ["a", "b"]},
        ],
    ),
    "node affinity without terms": {
        "affinity": {
            "nodeAffinity": {TERMS: {"nodeSelectorTerms": []}, SOFT: [{"weight": 0, "preference": {}}]}
        }
    },
    "pod affinity": {
        "affinity": {
            "podAffinity": {TERMS: [{"topologyKey": "", "namespaces": ["A"]}]},
            "podAntiAffinity": {
                SOFT: [
                    {
                        "weight": 101,
                        "podAffinityTerm": {
                            "topologyKey": "k",
                            "labelSelector": {"matchLabels": {"a b": ""}},
                        },
                    }
                ]
            },
        }
    },
    "spreading": {
        "topologySpreadConstraints": [
            spread(),
            spread(),
            spread(maxSkew=0, topologyKey="", whenUnsatisfiable="X"),
            spread(topologyKey="l", whenUnsatisfiable="ScheduleAnyway", minDomains=0),
        ]
    },
    "gates": {
        "schedulingGates": [{"name": "a b"}, {"name": "g"}, {"name": "g"}],
        "readinessGates": [{"conditionType": "a b"}],
    },
    "gated and bound": {"schedulingGates": [{"name": "g"}], "nodeName": "n"},
    "ephemeral containers": {"ephemeralContainers": [{"name": "e", "image": "i"}]},
}
