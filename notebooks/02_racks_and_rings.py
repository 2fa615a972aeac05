# %% [markdown]
# # Racks and rings
#
# Training on many accelerators means: everybody computes a little, then all add up what they found. That
# sum, the *all-reduce*, happens every step, and everybody waits for it. How long it takes depends on
# where the pods are, and even more on the *order* in which they are there. This notebook derives why, and
# what JobSet's exclusive placement is worth.

# %%
import copy
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import yaml

import jobsim
from jobsim.hardware.calibrate import Calibration, calibrate
from jobsim.hardware.catalogue import fabric
from jobsim.hardware.collectives import bus_bandwidth
from jobsim.report.bandwidth import bandwidth_picture

# %% [markdown]
# ## A ring, by hand
#
# Four ranks, each with a buffer of numbers, all want the sum. Cut the buffer into four chunks. In each
# step every rank sends *one* chunk to its right neighbour and receives one from the left. After three
# steps every rank has one chunk that is complete (*reduce-scatter*); three more steps carry the complete
# chunks round (*all-gather*).


# %%
def ring_all_reduce(buffers):
    """Return what every rank has in the end, how many steps it took, and how many numbers each rank sent."""
    n = len(buffers)
    chunks = [np.array_split(buffer.astype(float), n) for buffer in buffers]
    steps = sent = 0
    for adding in (True, False):
        for step in range(n - 1):
            # What rank r passes on in this step; taken before anybody changes it.
            which = [(r - step + (0 if adding else 1)) % n for r in range(n)]
            moving = [chunks[r][which[r]].copy() for r in range(n)]
            for r in range(n):
                right, c = (r + 1) % n, which[r]
                chunks[right][c] = chunks[right][c] + moving[r] if adding else moving[r]
            steps, sent = steps + 1, sent + len(moving[0])
    return [np.concatenate(chunk) for chunk in chunks], steps, sent


for n in (2, 4, 8, 16):
    buffers = [np.arange(1680) * (rank + 1) for rank in range(n)]
    results, steps, sent = ring_all_reduce(buffers)
    assert all(np.array_equal(result, sum(buffers)) for result in results)
    print(f"{n:2} ranks: {steps:2} steps = 2(n-1); each sent {sent / 1680:.3f} buffers = 2(n-1)/n")

# %% [markdown]
# So a ring of *n* ranks takes **2(n − 1) steps** and sends **2(n − 1)/n** of the buffer over each link:
#
# $$T = 2(n-1)\,\alpha + \frac{2(n-1)}{n}\,\frac{S}{B}$$
#
# with α the latency of a step and B the rate of a link. The second part hardly grows with n: that is why
# rings scale. The first grows with every rank: that is why they do not scale for small buffers.
# `collective_time` is this formula with the constants of a real fabric.

# %%
inside = jobsim.Fabric(name="toy", g=8, nvl=100, nic=50, eff_net=1, eff_a2a=1, a_nvl=3, a_net=10)
cost = jobsim.collective_time("all-reduce", 1e9, ranks=8, fabric=inside)
by_hand = 2 * 7 * 3e-6 + 2 * 7 / 8 * 1e9 / 100e9
print(f"{cost.seconds * 1e3:.3f} ms by collective_time, {by_hand * 1e3:.3f} ms by hand ({cost.algorithm})")

# %% [markdown]
# ## Real fabrics
#
# Beyond one NVLink domain a step costs more, libraries have trees besides rings, and switches that add up
# themselves. The constants were fitted to published measurements, a whole fabric at a time. The points
# are measured, the curves are the model: the more ranks, the later a curve rises (latency), but they all
# rise to about the same height (bandwidth).

# %%
found = calibrate(["benchmarks/validation/collectives.json"])
shown = [row for row in found.rows if row.dataset in ("V1 all-reduce", "V7 all-gather", "V7b all-to-all")]
bandwidth_picture(Calibration(tuple(shown), 0)).show()

# %% [markdown]
# ## A rack has one way out
#
# Eight racks of eight hosts. Inside a rack everybody reaches everybody at full rate. The way out is a
# bundle of up-links; with an *oversubscription* of 4 it carries a quarter of what the hosts can send
# together. A ring crosses it once for every ring edge that leaves the rack: how often depends only on the
# order of the ranks.

# %%
RACKS = [rack for rack in range(8) for _ in range(8)]
random = np.random.default_rng(7).permutation(RACKS).tolist()
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#999999"]


def draw_rings(orders):
    """Draw hosts by rack on a circle, and the ring that their ranks form."""
    _, panels = plt.subplots(1, len(orders), figsize=(3.2 * len(orders), 3.5), layout="constrained")
    for axes, (title, order) in zip(panels, orders.items(), strict=True):
        # The place of a rank: the next free host of its rack.
        free = {rack: [i for i, r in enumerate(sorted(order)) if r == rack] for rack in sorted(set(order))}
        angle = [2 * np.pi * free[rack].pop(0) / len(order) for rack in order]
        x, y = np.cos(angle), np.sin(angle)
        axes.plot([*x, x[0]], [*y, y[0]], color="#555555", linewidth=0.7, zorder=1)
        axes.scatter(x, y, c=[COLOURS[rack] for rack in order], s=22, zorder=2)
        crossings = sum(a != b for a, b in zip(order, [*order[1:], order[0]], strict=True))
        axes.set_title(f"{title}\n{crossings} of {len(order)} edges leave a rack", fontsize=9)
        axes.set_aspect("equal")
        axes.axis("off")
    plt.show()


draw_rings({"by rack": RACKS, "round robin": RACKS[::8] * 8, "random": random})

# %% [markdown]
# The share of its own rate that each host keeps, for one ring, and for an all-to-all, which goes
# everywhere whatever the order:

# %%
print(f"{'oversubscription':>16} {'by rack':>9} {'round robin':>12} {'random':>8} {'all-to-all':>11}")
for oversubscription in (1, 2, 4, 7):
    how = {"ranks": 8, "oversubscription": oversubscription}
    limits = [jobsim.Placement(order, **how).limits for order in (RACKS, RACKS[::8] * 8)]
    expected = jobsim.Placement(RACKS, order="random", **how).limits
    shares = [limits[0].ring.share, limits[1].ring.share, expected.ring.share, limits[0].spread.share]
    print(f"{oversubscription:16} {shares[0]:9.2f} {shares[1]:12.2f} {shares[2]:8.2f} {shares[3]:11.2f}")

# %% [markdown]
# By rack, one ring never needs more than one host's rate of the way out, however thin it is. In random
# order it needs nearly all of it. In seconds, for the gradients of a model with 8 billion parameters (16
# GB in bf16):

# %%
for title, order in {"by rack": RACKS, "random": random}.items():
    placed = jobsim.Placement(order, ranks=8, oversubscription=4)
    cost = jobsim.collective_time("all-reduce", 16e9, placement=placed, fabric="ib_h100")
    rate = bus_bandwidth("all-reduce", 16e9, 512, cost.seconds) / 1e9
    how = f"{cost.algorithm}, bound by {cost.bottleneck}"
    print(f"{title:8} {cost.seconds * 1e3:6.0f} ms  {rate:4.0f} GB/s  {how}")

# %% [markdown]
# ## What exclusive placement is worth
#
# JobSet's exclusive placement gives each Job of a JobSet a rack of its own. Here is a run with it and one
# without. Four racks of four hosts are full of old work that ends at random times. After a minute a
# JobSet of four Jobs with four pods each comes and waits. Without exclusive placement its pods take hosts
# as they become free; with it the first pod of each Job waits for a rack, and the others follow it.

# %%
manifest = yaml.safe_load(Path("scenarios/manifests/exclusive-4.yaml").read_text())


def crowded(*, exclusive):
    """Run the JobSet on a cluster full of old work."""
    train, old = copy.deepcopy(manifest), copy.deepcopy(manifest)
    if not exclusive:
        del train["metadata"]["annotations"]
    old["metadata"] = {"name": "old"}
    [job] = old["spec"]["replicatedJobs"]
    job["replicas"] = 16
    job["template"]["spec"] |= {"completions": 1, "parallelism": 1}
    return jobsim.run(
        jobsim.Scenario(
            manifests=[{"object": old}, {"at": "1m", "object": train}],
            seed=1,
            fleet=[
                {
                    "pool": "h100",
                    "shape": "dgx-h100",
                    "racks": 4,
                    "nodesPerRack": 4,
                    "rackLabels": ["example.com/rack"],
                    "oversubscription": {"rack": 4},
                }
            ],
            pods=[
                {"match": {"jobset": "old"}, "run": {"uniform": ["5m", "20m"]}},
                {"match": {"jobset": "racked"}, "run": "workload"},
            ],
            workloads=[{"match": {"jobset": "racked", "replicatedJobs": ["w"]}, "step": "1s", "steps": 600}],
        )
    )


runs = {"exclusive": crowded(exclusive=True), "not exclusive": crowded(exclusive=False)}
for title, run in runs.items():
    print(f"{title}:")
    print(run.explain("jobset/racked").partition("placement: ")[2])

# %% [markdown]
# Where the pods of the run went, in the order of their ranks:


# %%
def rack_of_each_rank(run):
    """Return the rack of each pod of the JobSet, by Job and completion index."""
    moment = run.at("20m")
    racks = {node.name: node.metadata.labels["example.com/rack"] for node in moment.get("nodes")}
    pods = [pod for pod in moment.get("pods") if pod.name.startswith("racked-")]
    pods.sort(key=lambda pod: [int(word) for word in pod.name.split("-")[2:4]])
    names = sorted(set(racks.values()))
    return [names.index(racks[pod.spec.node_name]) for pod in pods]


orders = {title: rack_of_each_rank(run) for title, run in runs.items()}
draw_rings(orders)

# %%
sizes = np.geomspace(2**20, 2**34, 60)
_, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
for (title, order), colour in zip(orders.items(), COLOURS, strict=False):
    placed = jobsim.Placement(order, ranks=8, oversubscription=4)
    seconds = jobsim.collective_times("all-reduce", sizes, placement=placed, fabric=fabric("ib_h100"))
    axes.loglog(sizes / 2**20, seconds * 1e3, color=colour, label=title)
axes.set_xlabel("all-reduce of [MiB]")
axes.set_ylabel("takes [ms]")
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# Both runs start at the same time, because a gang needs all 16 hosts anyway: the wait for whole racks
# costs nothing here. From then on every all-reduce of more than 100 MiB takes about a third of the
# time. Where the cluster is larger than the job, waiting for a whole rack does cost something: try it,
# with more racks in the fleet.
