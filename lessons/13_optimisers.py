# %% [markdown]
# # What momentum, RMSprop and Adam change
#
# All optimisers are given the same slopes, and differ in the step that they make of them. After this
# lesson you can write each in three lines, you have seen on a landscape and on handwritten digits what
# it changes (and what not), and you know that chainrule's optimisers compute exactly these lines.

# %%
import numpy as np

import chainrule as cr
from chainrule import data, draw, optim
from chainrule.nn import functional as F

cr.set_num_threads(1)  # products as small as these gain nothing from a second one

# %% [markdown]
# ## Four ways to step
#
# `g` is the slope, `r` the learning rate, and `memory` is what a method remembers from step to step.
# Everything works on each weight by itself.


# %%
def plain(g, r, memory):
    return -r * g


def momentum(g, r, memory):  # keep nine tenths of the speed: the ball of lesson 4
    memory["v"] = 0.9 * memory.get("v", 0) + g
    return -r * memory["v"]


def rmsprop(g, r, memory):  # divide by how large the slope has lately been
    memory["s"] = 0.99 * memory.get("s", 0) + 0.01 * g**2
    return -r * g / (np.sqrt(memory["s"]) + 1e-8)


def adam(g, r, memory):  # both; and as the means start at 0, divide by how full they are
    t = memory["t"] = memory.get("t", 0) + 1
    memory["m"] = 0.9 * memory.get("m", 0) + 0.1 * g
    memory["s"] = 0.999 * memory.get("s", 0) + 0.001 * g**2
    return -r * memory["m"] / (1 - 0.9**t) / (np.sqrt(memory["s"] / (1 - 0.999**t)) + 1e-8)


METHODS = {"plain": plain, "momentum": momentum, "RMSprop": rmsprop, "Adam": adam}

# %% [markdown]
# ## Failure: the gorge again
#
# The landscape of [lesson 4](04_descent_in_pictures.py), a hundred times as steep across as along.
# Whatever rate plain descent is given, it is too long for the walls or too short for the floor.


# %%
def gorge(x, y):
    return 0.5 * x**2 + 50 * y**2


def walk(method, rate, steps=100, steeper=1.0):
    place, memory = np.array([-9.0, 1.0]), {}
    path = [place]
    for _ in range(steps):
        slopes = steeper * np.array([place[0], 100 * place[1]])
        place = place + METHODS[method](slopes, rate, memory)
        path.append(place)
    return np.array(path)


for rate in (0.002, 0.018, 0.021):
    print(f"plain, rate {rate}: height {gorge(*walk('plain', rate)[-1]):.3g} after 100 steps")

# %% [markdown]
# ## Repair: two ideas, and both together
#
# **Momentum** adds up what the slopes agree on and lets the rest cancel. **RMSprop** divides every
# slope by its own recent size, so that a steep direction and a gentle one get steps of the same
# length. **Adam** does both.

# %%
rates = {"plain": 0.018, "momentum": 0.018, "RMSprop": 0.2, "Adam": 0.5}
paths = {method: walk(method, rate) for method, rate in rates.items()}
for method, path in paths.items():
    print(f"{method:>8}, rate {rates[method]:>5}: height {gorge(*path[-1]):.2g}")

# %%
draw.surface(gorge, paths, (-10, 4), (-2, 2), title="Four ways through the gorge")

# %% [markdown]
# Dividing by the size of the slope has a second effect: **the size of the loss no longer matters**.
# Make the whole landscape a hundred times as steep (say, a sum over examples where there was a mean):

# %%
detours = {}
for method, rate in rates.items():
    detours[method] = abs(walk(method, rate, 20, steeper=100) - walk(method, rate, 20)).max()
    print(f"{method:>8}: where it is 100 times as steep the path differs by {detours[method]:.0e}")

# %% [markdown]
# Plain descent and momentum are thrown out; RMSprop and Adam walk the very same path as before. Their
# learning rate is a length, "how far may a weight move in one step", and 0.01 or 0.001 is a good guess
# nearly everywhere. That is what they are loved for.
#
# ## The digits network
#
# The equations of [lesson 12](12_digits_by_equations.py), for any list of layer sizes, on the 8x8 digits
# that come with chainrule: 900 to learn from, 897 kept aside.

# %%
digits = data.digits()
order = np.random.default_rng(0).permutation(len(digits))
pixels = digits.x.reshape(-1, 64)[order].T / 16  # (64, images)
y_dev, y = np.split(digits.y[order], [897])
Y = np.eye(10)[y].T  # (10, m)


def start(sizes):
    rng = np.random.default_rng(0)
    parameters = []
    for n, units in zip(sizes, sizes[1:]):
        parameters += [rng.uniform(-1, 1, (units, n)) * (3 / n) ** 0.5, np.zeros((units, 1))]
    return parameters


def forward(parameters, X):
    A = [X]
    for W, b in zip(parameters[::2], parameters[1::2]):
        A.append(np.maximum(W @ A[-1] + b, 0))
    scores = W @ A[-2] + b
    E = np.exp(scores - scores.max(axis=0))
    return A[:-1], E / E.sum(axis=0)


def backward(parameters, X, decay):
    A, probabilities = forward(parameters, X)
    dZ, slopes = (probabilities - Y) / len(y), []
    for W, a in zip(parameters[::-1][1::2], A[::-1]):
        slopes = [dZ @ a.T + decay * W, dZ.sum(axis=1, keepdims=True), *slopes]
        dZ = W.T @ dZ * (a > 0)
    return slopes


def train(method, rate, units=1.0, sizes=(64, 10, 10), iterations=150, decay=0.0):
    parameters, X_dev, X = start(sizes), *np.split(pixels * units, [897], axis=1)
    memories = [{} for _ in parameters]
    for _ in range(iterations):
        slopes = backward(parameters, X, decay)
        steps = [METHODS[method](g, rate, memory) for g, memory in zip(slopes, memories)]
        parameters = [p + step for p, step in zip(parameters, steps)]
    return parameters, float(np.mean(forward(parameters, X_dev)[1].argmax(axis=0) == y_dev))


# %% [markdown]
# Each method with each of seven learning rates, 150 iterations; how many of the digits kept aside it
# then reads:

# %%
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


def table(units):
    rows = {}
    print("   rate", *(f"{rate:>6}" for rate in RATES))
    for method in METHODS:
        rows[method] = [train(method, rate, units)[1] for rate in RATES]
        print(f"{method:>8}", *(f"{accuracy:>6.1%}" for accuracy in rows[method]))
    return rows


even = table(units=1.0)

# %% [markdown]
# Look along the rows. With a rate that suits it, *every* one reads about as many: a better optimiser
# does not make a better network. Momentum is much like plain descent with ten times the rate (for it
# adds up to ten steps' worth of speed). Adam and RMSprop want 0.003 to 0.01.
#
# ## Failure: numbers in different units
#
# These pixels all run from 0 to 1. Real tables are not so tidy: metres stand beside millimetres. Let
# the left half of every image be recorded in a unit ten times as fine.

# %%
uneven = table(units=np.where(np.arange(64) % 8 < 4, 10.0, 1.0)[:, None])

# %% [markdown]
# Now it is a gorge: large inputs make steep directions, small ones gentle directions, and no single
# rate suits both; momentum cannot mend that. RMSprop and Adam, which measure every weight by its own
# slopes, lose far less. (The best remedy is lesson 12's: bring the inputs to one scale first.)

# %%
title, x_label = "Digits read, with uneven units", "learning rate as a power of ten"
draw.curves(uneven, x=np.log10(RATES), title=title, x_label=x_label, percent=True)

# %% [markdown]
# ## What else one can turn
#
# More units, more layers, weight decay (a pull of every weight towards 0), all with Adam at 0.01:

# %%
others = {}
for hidden, decay in [((10,), 0), ((32,), 0), ((32, 32), 0), ((32,), 0.01)]:
    others[hidden, decay] = train("Adam", 0.01, sizes=(64, *hidden, 10), decay=decay)[1]
    print(f"hidden units {hidden!s:>8}, decay {decay:>4}: {others[hidden, decay]:.1%}")

# %% [markdown]
# Mind the size of the sample: of 897 images one is 0.1 %, and chance alone
# moves such figures by nearly 1 %.
#
# ## The same from the library
#
# `chainrule.optim` has these methods under PyTorch's names. From the same start, 50 steps each, the
# slopes by automatic differentiation instead of by equations:


# %%
def by_library(make):
    W1, b1, W2, b2 = parameters = [cr.tensor(p, requires_grad=True) for p in start((64, 10, 10))]
    optimizer, X, labels = make(parameters), cr.tensor(pixels[:, 897:]), cr.tensor(y)
    for _ in range(50):
        optimizer.zero_grad()
        F.cross_entropy((W2 @ (W1 @ X + b1).relu() + b2).T, labels).backward()
        optimizer.step()
    return [p.detach().numpy() for p in parameters]


library = {
    "plain": lambda parameters: optim.SGD(parameters, lr=0.1),
    "momentum": lambda parameters: optim.SGD(parameters, lr=0.1, momentum=0.9),
    "RMSprop": lambda parameters: optim.RMSprop(parameters, lr=0.01),
    "Adam": lambda parameters: optim.Adam(parameters, lr=0.01),
}
gaps = {}
for method, make in library.items():
    by_hand = train(method, 0.1 if method in ("plain", "momentum") else 0.01, iterations=50)[0]
    gaps[method] = max(abs(a - b).max() for a, b in zip(by_hand, by_library(make)))
    print(f"{method:>8}: largest difference in any weight after 50 steps {gaps[method]:.0e}")

# %% [markdown]
# ## What we found, checked

# %%
best = {name: max(rows) for name, rows in even.items()}
worst = {name: max(rows) for name, rows in uneven.items()}
assert gorge(*paths["plain"][-1]) > 1
assert all(gorge(*paths[name][-1]) < 0.01 for name in ("momentum", "RMSprop", "Adam"))
assert min(detours["plain"], detours["momentum"]) > 1e6
assert max(detours["RMSprop"], detours["Adam"]) < 1e-5
assert min(best.values()) > 0.9  # with a rate that suits it, every one reads about as many
assert min(worst["RMSprop"], worst["Adam"]) > max(worst["plain"], worst["momentum"]) + 0.05
assert RATES[even["Adam"].index(best["Adam"])] in (0.003, 0.01, 0.03)
assert others[(32,), 0] > 0.93
assert max(gaps.values()) < 1e-12

# %% [markdown]
# ## Try it yourself
#
# 1. Turn the gorge by 45 degrees. RMSprop and Adam look along the axes only: do they still shine?
# 2. Leave the two corrections `1 - 0.9**t` and `1 - 0.999**t` out of Adam. How do its first steps
#    change?
# 3. Let momentum keep 0.5 or 0.99 of its speed. How does the best rate move along?
# 4. Let the rate of Adam fall to 0 over the 150 iterations. Is the end better?
# 5. Run the comparison on MNIST with the columns of lesson 12. Which figures change, and which of the
#    conclusions?
#
# Next: [regularisation](14_regularisation.py), for a network that learns its examples by heart.
