"""Short episodes of the Job controller as lines of text: what the tests of the sync are written in."""

from __future__ import annotations

from typing import Any

from jobsim.testing.conformance_job import Episode

POD_EVENTS = ("SuccessfulCreate", "SuccessfulDelete")
TRACKING = "batch.kubernetes.io/job-tracking"
UID_LABEL = "batch.kubernetes.io/controller-uid"


def job(**spec: Any) -> dict[str, Any]:
    """Return a stored Job of one container; ``restartPolicy`` and ``metadata`` go where they belong."""
    restart_policy = spec.pop("restartPolicy", "Never")
    metadata = spec.pop("metadata", {})
    return {
        "metadata": {"name": "j", "namespace": "ns", "uid": "job-uid-1", "generation": 1, **metadata},
        "spec": {
            "backoffLimit": 6,
            "completionMode": "NonIndexed",
            "parallelism": 1,
            "podReplacementPolicy": "TerminatingOrFailed",
            "selector": {"matchLabels": {UID_LABEL: "job-uid-1"}},
            "suspend": False,
            "template": {
                "metadata": {"labels": {UID_LABEL: "job-uid-1"}},
                "spec": {"containers": [{"name": "main", "image": "i"}], "restartPolicy": restart_policy},
            },
            **spec,
        },
    }


def indexed(count: int, **spec: Any) -> dict[str, Any]:
    """Return an Indexed Job with as many pods at once as completions, unless told otherwise."""
    return job(**{"completionMode": "Indexed", "completions": count, "parallelism": count, **spec})


def running(at: float, pod: int, *, ready: bool = True, restarts: int = 0) -> dict[str, Any]:
    """Return the step in which a pod runs on a node."""
    status = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        "containerStatuses": [{"name": "main", "restartCount": restarts, "state": {"running": {}}}],
    }
    return {"at": at, "pod": pod, "nodeName": "n0", "status": status}


def ended(at: float, pod: int, code: int = 0) -> dict[str, Any]:
    """Return the step in which a pod's container has ended with an exit code, this second."""
    finished = f"2026-01-05T00:{int(at) // 60:02d}:{int(at) % 60:02d}Z"
    terminated = {"exitCode": code, "finishedAt": finished}
    status = {
        "phase": "Failed" if code else "Succeeded",
        "containerStatuses": [{"name": "main", "state": {"terminated": terminated}}],
    }
    return {"at": at, "pod": pod, "status": status}


def play(the_job: dict[str, Any], *script: dict[str, Any], until: float = 600, **case: Any) -> list[str]:
    """Run an episode and return what the controller did, one line each, without the event of each pod."""
    timeline = entries(the_job, *script, until=until, **case)
    return [line(entry) for entry in timeline if entry.get("reason") not in POD_EVENTS]


def entries(
    the_job: dict[str, Any], *script: dict[str, Any], until: float = 600, **case: Any
) -> list[dict[str, Any]]:
    """Run an episode and return its timeline."""
    return Episode({"job": the_job, "script": list(script), "until": until, **case}).run()


def line(entry: dict[str, Any]) -> str:
    """Return an entry of a timeline as a line."""
    head = f"{entry['t']:g} "
    tail = f" -> {entry['error']}" if "error" in entry else ""
    do = entry["do"]
    if do == "event":
        return f"{head}{entry['reason']}: {entry['message']}"
    if do == "job-status":
        return head + "status" + _status(entry["status"]) + tail
    if do == "create-pod":
        index = f" index {entry['index']}" if "index" in entry else ""
        return f"{head}create {entry.get('pod', '-')}{index}{tail}"
    if do == "delete-pod":
        return f"{head}delete {entry['pod']}{tail}"
    meta = entry["patch"]["metadata"]
    verb = "untrack"
    if "ownerReferences" in meta:
        verb = "release" if "$patch" in meta["ownerReferences"][0] else "adopt"
    return f"{head}{verb} {entry['pod']}{tail}"


def _status(status: dict[str, Any]) -> str:
    words = [f"{name}={status[name]}" for name in ("active", "ready", "terminating") if status.get(name)]
    words += [f"{name}={status[name]}" for name in ("succeeded", "failed") if status.get(name)]
    uncounted = status.get("uncountedTerminatedPods", {})
    words += [f"uncounted-{name}={','.join(uids)}" for name, uids in sorted(uncounted.items())]
    if status.get("completedIndexes"):
        words.append(f"done={status['completedIndexes']}")
    if "failedIndexes" in status:
        words.append(f"lost={status['failedIndexes']}")
    words += [c["type"] for c in status.get("conditions", ()) if c["status"] == "True"]
    words += [f"not-{c['type']}" for c in status.get("conditions", ()) if c["status"] == "False"]
    if "startTime" not in status:
        words.append("unstarted")
    return "".join(f" {word}" for word in words)
