# %% [markdown]
# # How often to write a checkpoint
#
# Write often and the writes eat the time; write seldom and each failure undoes more. Somewhere
# between lies the best interval. Young found it in 1974, Daly refined it in 2006; for exponential
# failures it is known exactly. This notebook draws the curve, runs the same question through a
# simulated cluster, and shows where the formulas err - and how little it matters.

# %%
import math

import matplotlib.pyplot as plt

import jobsim
from jobsim.workload.checkpoint import daly_s, expected_ettr, optimum_s, young_s

MTBF, WRITE, RESTART = (
    11135.0,
    30.0,
    600.0,
)  # Llama 3: an interruption every 3.1 h; 30 s to write, 10 min to restart

# %% [markdown]
# ## The curve
#
# With failures at a constant rate, an interval of useful work `tau` with its write `C` takes on
# average
#
# $$E = M\, e^{R/M}\,\left(e^{(\tau + C)/M} - 1\right)$$
#
# (M: mean time between failures, R: restart). What is left of the time is $\tau / E$.

# %%
taus = [60 * 1.15**i for i in range(38)]
ettr = [expected_ettr(MTBF, WRITE, tau, exposed_s=RESTART) for tau in taus]
best = optimum_s(MTBF, WRITE)
print(f"Young {young_s(MTBF, WRITE):.0f} s, Daly {daly_s(MTBF, WRITE):.1f} s, exact {best:.1f} s")

# %% [markdown]
# ## The same from simulated runs
#
# One pod stands for the gang: it fails as often as 2,048 nodes would, and its JobSet restarts through
# the same controllers. Each point is the mean of six runs of four useful days.


# %%
def simulated(tau: float, seed: int) -> float:
    container = {"name": "main", "image": "img"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    job = {"parallelism": 1, "completions": 1, "backoffLimit": 0, "template": template}
    gang = {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": "gang"},
        "spec": {
            "failurePolicy": {"maxRestarts": 100_000},
            "replicatedJobs": [{"name": "w", "replicas": 1, "template": {"spec": job}}],
        },
    }
    lab = jobsim.Scenario(
        manifests=[gang],
        seed=seed,
        until="40d",
        fleet=[{"pool": "n", "shape": "cpu-16", "nodes": 1}],
        pods=[{"match": {}, "start": 0, "run": "workload", "stop": 0}],
        workloads=[
            {
                "match": {"jobset": "gang"},
                "step": tau,
                "useful": "4d",
                "init": RESTART - 3,
                "checkpoint": {"every": {"steps": 1}, "write": WRITE},
            }
        ],
        failures=[{"component": "gang", "per": "node", "mtbf": MTBF, "clock": "exposure"}],
    )
    [row] = jobsim.run(lab).jobsets()
    return row["ettr"]


points = {tau: [simulated(tau, seed) for seed in range(6)] for tau in (120.0, 300.0, 800.0, 2400.0, 7200.0)}

# %%
figure, axes = plt.subplots(figsize=(8, 4))
axes.plot(taus, ettr, color="#0072B2", label="closed form")
for tau, values in points.items():
    mean = sum(values) / len(values)
    error = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values))
    axes.errorbar(tau, mean, 2 * error, fmt="o", color="#D55E00", label="simulated" if tau == 120 else None)
axes.axvspan(best / 2, 2 * best, color="#009E73", alpha=0.12, label="half to twice the best")
axes.set(xscale="log", xlabel="useful time between two writes [s]", ylabel="useful / elapsed")
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# ## Why it is flat
#
# Half the best interval, or twice it, costs less than two percent of the useful time. At the optimum
# the two costs, writes and undone work, balance; to second order a change of one is paid back by the
# other. An MTBF that is wrong by a factor of four moves the interval by a factor of two - and costs
# those two percent.

# %%
top = expected_ettr(MTBF, WRITE, best, exposed_s=RESTART)
for factor in (0.25, 0.5, 1, 2, 4):
    share = expected_ettr(MTBF, WRITE, best * factor, exposed_s=RESTART) / top
    print(f"{factor:>5} x best: {share:.4f} of the best")

# %% [markdown]
# ## Where Young and Daly err
#
# Young's square root forgets that failures also strike while a checkpoint is written; Daly's higher
# order has it. It only shows when an interruption comes every few minutes - a hundred thousand GPUs -
# and even then the ETTR hardly moves. What moves it there is the restart: no interval makes up for
# ten minutes lost every eighteen.

# %%
for name, mtbf, write, restart in (("16k GPUs", 11135, 30, 600), ("98k GPUs", 1080, 60, 600)):
    print(f"{name}: restart {restart} s, write {write} s, an interruption every {mtbf / 60:.0f} min")
    exact = optimum_s(mtbf, write)
    for who, tau in (("Young", young_s(mtbf, write)), ("Daly", daly_s(mtbf, write)), ("exact", exact)):
        value = expected_ettr(mtbf, write, tau, exposed_s=restart)
        print(f"  {who:<6} {tau:7.1f} s   ETTR {value:.4f}")
