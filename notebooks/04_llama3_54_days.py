# %% [markdown]
# # Llama 3: 54 days
#
# The Llama 3 paper (table 5) counts what interrupted 54 days of training on 16,384 GPUs: 419 times
# something broke, 47 times somebody planned it. More than 90 % of the time was useful all the same.
# This notebook runs those days, looks at where the rest went, and asks what restarting containers in
# place would have given.
#
# `jobsim run scenarios/llama3-405b.yaml` has all 2,048 pods. Here one pod stands for 256 of them, and
# its node fails as often as theirs together: the same failures, a fraction of the work.

# %%
import math
from pathlib import Path

import yaml

import jobsim
from jobsim.hardware.failures.catalogue import components
from jobsim.units import SECOND

GANG, STANDS_FOR = 8, 256
START = {"lognormal": {"median": "10s", "sigma": 0.3}}
full = yaml.safe_load(Path("scenarios/llama3-405b.yaml").read_text())
known = components()


def thinned(failure: dict) -> dict:
    """Return a failure of the scenario with the rate of all nodes that one node stands for."""
    if "component" not in failure:
        return {"maintenance": {**failure["maintenance"], "pool": "h100"}}
    part = known[failure["component"]]
    # Eight accelerators of one node stand for those of 256.
    mtbf_s = part.mtbf / SECOND / STANDS_FOR
    rest = {key: value for key, value in failure.items() if key != "component"}
    detect = {} if "detect" in rest else {"detect": part.detect.value / SECOND} if "nccl" in part.name else {}
    return {"component": part.name.partition("/")[2], "per": part.per, "mtbf": mtbf_s, **rest, **detect}


# %% [markdown]
# ## The run


# %%
def manifest(strategy: str) -> dict:
    if strategy == "InPlaceRestart":
        jobset = yaml.safe_load(Path("scenarios/manifests/train-8x8-in-place.yaml").read_text())
        jobset["metadata"] = {"name": "llama3"}
        spec = jobset["spec"]["replicatedJobs"][0]["template"]["spec"]
        spec["template"]["spec"].pop("terminationGracePeriodSeconds", None)
        jobset["spec"]["replicatedJobs"][0]["replicas"] = 1
    else:
        jobset = yaml.safe_load(Path("scenarios/manifests/llama3-405b.yaml").read_text())
        jobset["spec"]["replicatedJobs"][0]["replicas"] = 1
        spec = jobset["spec"]["replicatedJobs"][0]["template"]["spec"]
        spec["completions"] = spec["parallelism"] = GANG
        jobset["spec"]["failurePolicy"]["restartStrategy"] = strategy
    jobset["spec"]["failurePolicy"]["maxRestarts"] = 2000
    return jobset


def days(strategy: str, curable: float = 0.0, dead: int = 1, seed: int = 3) -> jobsim.Run:
    """Run the 54 days; a share of failures is curable in place, the others exit with code ``dead``."""
    failures = []
    for failure in map(thinned, full["failures"]):
        if not curable or "component" not in failure:
            failures.append(failure)
            continue
        mtbf = failure["mtbf"]
        failures.append({**failure, "mtbf": mtbf / curable, "inPlace": 1})
        failures.append({**failure, "mtbf": mtbf / (1 - curable), "inPlace": 0, "exitCode": dead})
    lab = jobsim.Scenario(
        seed=seed,
        until="54d",
        manifests=[manifest(strategy)],
        jobset={"gates": {"InPlaceRestart": strategy == "InPlaceRestart"}},
        fleet=[
            {"pool": "h100", "shape": "dgx-h100", "nodes": GANG},
            {"pool": "spare", "shape": "dgx-h100", "nodes": 4},
        ],
        pods=[
            {
                "match": {},
                "start": {"lognormal": {"median": "10s", "sigma": 0.3}},
                "run": "workload",
                "stop": "5s",
            }
        ],
        workloads=full["workloads"],
        failures=failures,
    )
    return jobsim.run(lab)


run = days("BlockingRecreate")
[jobset] = run.jobsets()
print(jobset["restarts"], "restarts, ETTR", round(jobset["ettr"], 4))

# %% [markdown]
# ## Counts by cause
#
# Each component fails as often as the table says, within what a Poisson count allows.

# %%
counted = {}
for row in run.log.rows():
    if row.get("note") == "failure" and row.get("jobsets"):
        counted[row.get("cause", "")] = counted.get(row.get("cause", ""), 0) + 1
for part in known.values():
    name = part.name.partition("/")[2]
    if part.name.startswith("llama3/") and name != "node":
        expected = 54 * 86400 * SECOND / part.mtbf * (16384 if part.per == "accelerator" else 2048)
        shown = counted.get(name, 0)
        apart = (shown - expected) / math.sqrt(expected)
        print(f"{part.title:<36} table {expected:5.0f}   run {shown:4}   {apart:+.1f} sd")

# %% [markdown]
# ## Where the time went

# %%
run.ledger().show()

# %%
run.waterfall().show()

# %% [markdown]
# What an interruption costs is mostly not the restart of the JobSet. It is the work since the last
# checkpoint, the minute until somebody notices, and reading the checkpoint. That is why the interval
# and the detection come first.

# %%
lost = jobset["reliability"]["lostAcceleratorHours"]
for cause, hours in list(lost.items())[:8]:
    print(f"{cause:<28} {STANDS_FOR * hours:12,.0f} GPU hours")

# %% [markdown]
# ## In place
#
# About seven of ten failures of such fleets are cured by starting the processes again (Unicron). With
# InPlaceRestart those keep their pods and nodes. What becomes of the other three matters as much: a
# pod that is dead for good is replaced by its Job, after a back-off that doubles with each dead pod
# up to ten minutes - or its exit code (42 here) fails the Job, and the JobSet makes all pods anew at
# once.

# %%
variants = {
    "BlockingRecreate": run,
    "in place, dead pods replaced": days("InPlaceRestart", 0.7),
    "in place, dead pods fail the Job": days("InPlaceRestart", 0.7, dead=42),
}
for what, made in variants.items():
    [row] = made.jobsets()
    found = row["reliability"]
    each = f"{found['interruptions']} interruptions, {found['mttr_s']:.0f} s each"
    print(f"{what:<33} ETTR {row['ettr']:.4f}   {each}, {made.summary()['pods']['created']} pods made")

# %% [markdown]
# In place is no free lunch: with the first policy the back-off eats more than the restarts save. With
# 8 pods the control plane has little to do; with 2,048 it deletes and makes them all at each
# restart, about a minute more (`jobsim run scenarios/llama3-405b.yaml` shows it), which restarting in
# place saves too.
