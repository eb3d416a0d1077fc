# %% [markdown]
# # Napkin mathematics
#
# How long will a step of training take, how much memory will it need, and what holds it back? That can
# be told beforehand, on a napkin, from three constants of your machine that take a second to measure.
# After this lesson you can do it, and know when a faster processor would be money thrown away.

# %%
import time
import tracemalloc

import numpy as np

import chainrule as cr
from chainrule import draw, nn, ops, optim
from chainrule.nn import functional as F

# %% [markdown]
# ## Three networks to foretell
#
# The neuron that learns [an average](03_learning_an_average.py) from 1,000 rectangles; the digits network
# of [lesson 12](12_digits_by_equations.py) on 4,000 images of 28x28; and the same with 512 hidden units.
# The numbers inside do not matter for time and memory, so they are random.

# %%
rng = np.random.default_rng(0)
NETWORKS = {
    "average": (1000, [4, 1]),
    "digits": (4000, [784, 10, 10]),
    "wide": (4000, [784, 512, 10]),
}


def training_step(rows, sizes):
    layers = [part for a, b in zip(sizes, sizes[1:]) for part in (nn.Linear(a, b), nn.ReLU())]
    network = nn.Sequential(*layers[:-1])
    optimizer = optim.SGD(network.parameters(), lr=1e-6)
    x = cr.from_numpy(rng.random((rows, sizes[0]), dtype=np.float32))
    if sizes[-1] == 1:
        loss, y = F.mse_loss, cr.from_numpy(rng.random((rows, 1), dtype=np.float32))
    else:
        loss, y = F.cross_entropy, cr.from_numpy(rng.integers(0, sizes[-1], rows))

    def step():
        optimizer.zero_grad()
        loss(network(x), y).backward()
        optimizer.step()

    return step


def seconds(action):
    # The shortest of the runs, by the clock of the process: other programs can only make a run longer.
    action()
    runs, until = [], time.process_time() + 0.15
    while (began := time.process_time()) < until:
        action()
        runs.append(time.process_time() - began)
    return min(runs)


cr.set_num_threads(1)  # one core, so that seconds of the process are seconds
steps = {name: training_step(*network) for name, network in NETWORKS.items()}

# %% [markdown]
# ## Failure: counting multiplications
#
# The first idea: count the arithmetic, and divide by how much the processor does in a second. For each
# example every weight costs a multiplication and an addition on the way forward; on the way back the
# same again for the slope of the weight, and once more for the slope of its input (which the first
# layer does not need). In all
#
#     operations  =  examples · (4 · weights of the first layer  +  6 · all further weights)
#
# The most that a processor does is measured with what it does best, a product of two large matrices.


# %%
def operations(rows, sizes):
    first, *further = [a * b for a, b in zip(sizes, sizes[1:])]
    return rows * (4 * first + 6 * sum(further))


square = rng.random((512, 512), dtype=np.float32)
PEAK = 2 * 512**3 / seconds(lambda: square @ square)
print(f"this processor: up to {PEAK / 1e9:.0f} thousand million operations a second")
measured, arithmetic = {}, {}
for name, network in NETWORKS.items():
    arithmetic[name] = operations(*network) / PEAK
    measured[name] = seconds(steps[name])
    print(
        f"{name:>8}: {operations(*network):>13,} operations, {1e6 * arithmetic[name]:>9.1f} us by "
        f"arithmetic, {1e6 * measured[name]:>9.1f} us measured"
    )

# %% [markdown]
# For the wide network that is not bad. For the small neuron it is wrong by a factor of a hundred or so:
# something else takes the time.
#
# ## Repair: three terms
#
# A step is a row of operations on arrays, and each of them costs three things:
#
#     time  =  calls · overhead  +  operations / peak  +  bytes / bandwidth
#
# **Overhead** is what Python and the library need to get an operation going, however small the array.
# We measure it with a network in which there is next to nothing to compute. **Bandwidth** is how fast
# numbers come from memory; we measure it by copying a large array, which reads and writes every byte.
#
# How many calls, operations and bytes there are, chainrule knows: every operation has a *cost* in its
# table, and a watcher at the one door through which all operations go sees them all.


# %%
def work(step):
    calls = []

    def note(op, args, attrs, result):
        cost = op.cost(*(None if a is None else np.shape(a) for a in args), **attrs)
        calls.append((cost.flops, cost.moved * result.itemsize))

    with ops.watch(note):
        step()
    return np.array([[1, *call] for call in calls]).sum(axis=0)  # calls, operations, bytes


tiny = training_step(1, [1, 1])
OVERHEAD = seconds(tiny) / work(tiny)[0]
source = np.ones(8_000_000, np.float32)
target = np.empty_like(source)
BANDWIDTH = 2 * source.nbytes / seconds(lambda: np.copyto(target, source))
print(f"overhead {1e6 * OVERHEAD:.1f} us a call, bandwidth {BANDWIDTH / 1e9:.0f} GB/s")

# %% [markdown]
# ## The napkin, and the clock beside it

# %%
NAMES = ("overhead", "arithmetic", "memory")
terms, bound = {}, {}
for name, step in steps.items():
    calls, flops, moved = work(step)
    terms[name] = np.array([calls * OVERHEAD, flops / PEAK, moved / BANDWIDTH])
    bound[name] = NAMES[terms[name].argmax()]
    shares = ", ".join(f"{t / sum(terms[name]):.0%} {n}" for n, t in zip(NAMES, terms[name]))
    print(
        f"{name:>8}: foretold {1e3 * sum(terms[name]):>7.3f} ms, measured {1e3 * measured[name]:>7.3f}"
        f" ms; bound by {bound[name]} ({shares})"
    )

# %% [markdown]
# Within a factor of two or three over a range of nearly a thousand: that is what napkins are for. And
# more than the time, the napkin says *why*:
#
# - The small neuron is bound by **overhead**. A processor twice as fast would not help it; ten times as
#   many rectangles would cost hardly more. (Compiling the step, so that there are fewer calls, would.)
# - The wide network is bound by **arithmetic**. It wants a faster processor, or smaller numbers.
# - The digits network lies between: each pixel that comes from memory is used for only ten units, so it
#   feels the **memory** as well. (And it takes longer than foretold, since a product with only ten
#   columns does not reach the peak.)
#
# ## A question answered beforehand
#
# From how many examples a step does a larger batch cost more time? When the work has grown as large as
# the overhead, for the digits network and for the wide one:

# %%
for name in ("digits", "wide"):
    overhead, *rest = terms[name]
    free = NETWORKS[name][0] * overhead / sum(rest)
    print(f"{name:>8}: up to about {free:.0f} examples a step come nearly free")

# %% [markdown]
# And the clock, for the digits network:

# %%
BATCHES = (1, 4, 16, 64, 256, 1024, 4096)
clock, napkin = [], []
for rows in BATCHES:
    step = training_step(rows, [784, 10, 10])
    clock.append(seconds(step))
    napkin.append(float(work(step) @ [OVERHEAD, 1 / PEAK, 1 / BANDWIDTH]))
    print(
        f"{rows:>5} examples: foretold {1e3 * napkin[-1]:.2f} ms, measured {1e3 * clock[-1]:.2f} ms"
    )

# %%
points = {"foretold": np.log10(napkin), "measured": np.log10(clock)}
x_label, y_label = "examples, as a power of ten", "seconds, as a power of ten"
draw.curves(points, x=np.log10(BATCHES), title="A step", x_label=x_label, y_label=y_label)

# %% [markdown]
# ## Memory
#
# What must be there at once? The examples; each weight, its slope, and what the optimiser remembers
# (nothing for plain descent, two more numbers for Adam). And on top, during the step, every layer's
# output, kept for the way back, and there the largest of them twice more: its slope before and after the
# bend. Four bytes each:


# %%
def during_step(rows, sizes):
    weights = sum((a + 1) * b for a, b in zip(sizes, sizes[1:]))
    return 4 * (rows * (sum(sizes[1:]) + 2 * max(sizes[1:])) + weights)


def peak_memory(step):
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - before


memory = {}
for name, network in NETWORKS.items():
    memory[name] = during_step(*network), peak_memory(training_step(*network))
    foretold, found = (megabytes / 1e6 for megabytes in memory[name])
    print(f"{name:>8}: foretold {foretold:>6.2f} MB, measured {found:>6.2f} MB")

# %% [markdown]
# The outputs grow with the batch, the weights do not: whoever runs out of memory halves the batch first.
#
# ## What we found, checked

# %%
for name, network in NETWORKS.items():
    assert 0.1 < sum(terms[name]) / measured[name] < 10
    assert 0.4 < memory[name][0] / memory[name][1] < 2.5
    if name != "average":  # where the loss, which the napkin leaves out, is a small part
        assert abs(work(steps[name])[1] / operations(*network) - 1) < 0.05
assert measured["average"] > 20 * arithmetic["average"]
assert bound["average"] == "overhead"
assert bound["wide"] == "arithmetic"
assert terms["wide"][1] > 20 * terms["digits"][1]
assert napkin[2] < 3 * napkin[0]  # 16 examples for the price of one, nearly
assert napkin[-1] > 5 * napkin[0]

# %% [markdown]
# ## Try it yourself
#
# 1. Foretell a step of the network [784, 100, 100, 10] with 100 examples, then measure it.
# 2. How long would 10 epochs of MNIST (60,000 images) with the wide network take here, in batches of
#    64 and of 4,096? Which of them learns more in that time is another question.
# 3. Look up peak and bandwidth of a graphics processor, take 10 us for its overhead, and foretell the
#    three networks. Which of them should move there?
# 4. Count with pencil and paper the operations of a convolution of 32 kernels of 5x5 over a 28x28 image.
#    Compare with `cr.ops.conv2d.cost`.
# 5. Adam in place of SGD: how much more memory, how many more calls? Foretell both.
# 6. The library has a napkin of its own, line by line: `print(cr.explain.napkin(step, measure=True))`.
#    How near does it come for the three networks, and where do its rates differ from yours?
#
# Next: a network of your own. (`chainrule learn` lists all lessons.)
