# %% [markdown]
# # One restart
#
# A JobSet of 8 Jobs with 8 pods each trains a model. Ten minutes in, one container of one pod exits 1.
# Twelve seconds later all 64 pods train again. What happened in between?
#
# Nothing in Kubernetes "restarts a JobSet". Four controllers each look at a cache, decide something small,
# and write it down for the others. This notebook follows one failure through all of them.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import yaml

import jobsim

run = jobsim.run("scenarios/one-pod-fails.yaml")
[jobset] = run.jobsets()
print(jobset["name"], jobset["terminalState"], "after", jobset["restarts"], "restart")

# %% [markdown]
# ## The picture
#
# A row is a pod, a group of rows is a rack. Quiet times are cut out: what is left is the start, the failure
# at ten minutes, and the end.

# %%
run.timeline().show()

# %% [markdown]
# ## Lap by lap
#
# ### 10m0s: a container ends
#
# The kubelet writes `phase: Failed` into the pod's status. That is all it does.

# %%
run.at("10m").get("pods", "train-w-3-5")

# %%
[failed] = [pod for pod in run.at("10m").get("pods") if pod.status.phase == "Failed"]
state = failed.status.container_statuses[0].state.terminated
print(failed.name, "on", failed.spec.node_name, "exit code", state.exit_code)

# %% [markdown]
# ### 10m1s: the Job controller gives up
#
# The Job controller does not look at once: the first event of a pod opens a window of one second, so that a
# burst of events costs one look. Then it counts one failure against `backoffLimit: 0`, writes the condition
# **FailureTarget**, and deletes the seven other pods of *this Job*. It does not say Failed yet: that has to
# wait until no pod of the Job runs any more.

# %%
run.at("10m2s").get("jobs")

# %% [markdown]
# ### 10m4s: the Job is Failed, the JobSet decides
#
# The pods had two seconds of work left after SIGTERM (`stop: 2s`; they may take up to their grace period of
# 10 s), and the end of the last one opened another window of a second. Now the Job is **Failed**, and only
# now the JobSet controller has something to decide. There is no rule in the failure policy, so it restarts
# the JobSet: it raises `status.restarts`, and that single number makes every Job an *old* one.

# %%
for event in run.at("10m4s").get("events"):
    if event.involved_object.kind == "JobSet":
        print(event.reason, "|", event.message)

# %% [markdown]
# ### 10m4s to 10m10s: old Jobs go, new Jobs come
#
# The JobSet controller deletes the old Jobs in the *foreground*: each stays visible until its last pod is
# gone. The garbage collector takes its time: 40 requests a second (its client's default rate), three a pod,
# because it asks the server for the pod and for its owner first. With the strategy Recreate each name is made
# again as soon as it is free, so for a few seconds old and new Jobs run side by side.

# %%
run.at("10m8s").get("jobs")

# %% [markdown]
# ### 10m8s to 10m15s: pods start
#
# The Job controller makes pods at 20 a second (its client's default rate), the scheduler binds them, kubelets
# start them. With exclusive placement the first pod of each Job has to be placed before the others may even
# be created: they follow their leader into its rack.

# %%
print(run.explain("pod/train-w-3-5"))

# %% [markdown]
# ## How long each lap took
#
# The same names are columns of `jobsim run`'s table and lines of `jobsim explain`.

# %%
PARTS = ["detect", "drain", "decide", "teardown", "create", "place", "start", "restore"]
COLOURS = ["#d55e00", "#e69f00", "#999999", "#f0e442", "#56b4e9", "#0072b2", "#009e73", "#cc79a7"]


def waterfall(runs):
    """Draw the parts of the first restart of each run, one bar a run."""
    figure, axes = plt.subplots(figsize=(9, 0.7 + 0.55 * len(runs)), layout="constrained")
    for row, result in enumerate(runs.values()):
        restart = result.restarts()[1]
        left = 0.0
        for part, colour in zip(PARTS, COLOURS, strict=True):
            width = restart[f"{part}_ns"] / 1e9
            axes.barh(row, width, left=left, color=colour, label=part if row == 0 else None)
            left += width
        axes.text(left, row, f" {left:.1f} s", va="center")
    axes.set_yticks(range(len(runs)), list(runs))
    axes.invert_yaxis()
    axes.set_xlabel("seconds since the container ended")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.1)
    figure.legend(ncols=8, loc="outside lower center", frameon=False, fontsize=8)
    plt.show()


waterfall({"as it was": run})

# %% [markdown]
# ## What would change it?
#
# The same failure, other circumstances. Pods that need 9 s to stop pay twice: once until their Job is Failed,
# once until all other Jobs are gone. A Job controller that may write 400 times a second saves the wait for
# new pods. BlockingRecreate waits for the last old Job before it makes the first new one.

# %%
lab = yaml.safe_load(Path("scenarios/one-pod-fails.yaml").read_text())
manifest = yaml.safe_load(Path("scenarios/manifests/train-8x8.yaml").read_text())


def variant(*, stop="2s", qps=20, strategy="Recreate"):
    """Run the scenario with something else about it."""
    changed = {
        **manifest,
        "spec": {**manifest["spec"], "failurePolicy": {"maxRestarts": 3, "restartStrategy": strategy}},
    }
    return jobsim.run(
        jobsim.Scenario(
            manifests=[changed],
            seed=lab["seed"],
            fleet=lab["fleet"],
            pods=[{**lab["pods"][0], "stop": stop}],
            failures=lab["failures"],
            control={"api": {"job": {"qps": qps, "burst": qps + 10}}},
        )
    )


waterfall(
    {
        "as it was": run,
        "pods stop in 9 s": variant(stop="9s"),
        "400 writes a second": variant(qps=400),
        "BlockingRecreate": variant(strategy="BlockingRecreate"),
    }
)

# %% [markdown]
# ## What it cost
#
# Twelve seconds are nothing. The ten minutes of work before the failure are: without a checkpoint the new
# pods begin at the beginning.

# %%
ledger = jobset["ledger"]
for account, seconds in ledger.items():
    if seconds and account != "elapsed_s":
        print(f"{account.removesuffix('_s'):12} {seconds:9.1f} s  {seconds / ledger['elapsed_s']:6.1%}")
