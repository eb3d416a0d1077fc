# %% [markdown]
# # Handwritten digits, by equations
#
# Read handwriting with a dozen equations and nothing but NumPy. No library, no automatic
# differentiation: every line of the mathematics stands on this page. After this lesson you have
# trained a real network from a file of numbers, looked at what it reads well and what it does not, and
# met two ways to learn nothing at all and one to learn slowly.

# %%
import tempfile

import numpy as np

from chainrule import data, draw, set_num_threads
from chainrule.errors import ChainruleError

set_num_threads(1)  # products as small as these gain nothing from a second one

# %% [markdown]
# ## A file of numbers
#
# Kaggle's digit-recognizer competition gives the digits as a table: a header
# `label,pixel0,pixel1,...`, then one image a row, its label first. We write such a file from the first
# 4,000 images of MNIST (28x28, brightness 0 to 255), or, where that cannot be found, from the digits
# that come with chainrule (8x8, 0 to 16). If you have Kaggle's `train.csv`, read that.

# %%
try:
    digits = data.mnist().take(range(4000))
except ChainruleError:
    print("MNIST is not here: reading the 8x8 digits that come with chainrule")
    digits = data.digits()
table = np.column_stack([digits.y, digits.x.reshape(len(digits), -1)])
with tempfile.NamedTemporaryFile("w+", suffix=".csv") as file:
    header = ",".join(["label", *(f"pixel{i}" for i in range(table.shape[1] - 1))])
    np.savetxt(file, table, fmt="%d", delimiter=",", header=header, comments="")
    file.seek(0)
    rows = np.loadtxt(file, delimiter=",", skiprows=1, dtype=np.float32)
print(f"{header[:27]}...: {rows.shape[0]:,} rows of {rows.shape[1]} numbers")

# %% [markdown]
# Shuffle, keep some rows aside that the network never learns from (the **development set**, 1,000 rows
# where there are enough), and turn the table on its side: **one example a column**.

# %%
np.random.default_rng(0).shuffle(rows)
kept = 1000 if len(rows) >= 4000 else 300
X_dev, y_dev = rows[:kept, 1:].T, rows[:kept, 0].astype(int)
X, y = rows[kept:, 1:].T, rows[kept:, 0].astype(int)  # (pixels, m), (m,)
n, m = X.shape
Y = np.eye(10, dtype=np.float32)[y].T  # (10, m): one-hot, a 1 in the row of the right digit
print(f"{m:,} columns of {n} pixels to learn from, {kept:,} to judge by")

# %% [markdown]
# ## Forward
#
# 10 units that look at all pixels, then 10 that look at those and stand for the digits:
#
#     Z1 = W1 X + b1        ten sums for each image
#     A1 = ReLU(Z1)         negative ones become 0
#     Z2 = W2 A1 + b2       a score for each digit
#     A2 = softmax(Z2)      scores to probabilities: e^score / sum of e^scores
#
# The largest score is subtracted first; that changes no probability, and keeps e^score from overflowing.


# %%
def forward(parameters, X):
    W1, b1, W2, b2 = parameters
    Z1 = W1 @ X + b1  # (10, m)
    A1 = np.maximum(Z1, 0)
    Z2 = W2 @ A1 + b2  # (10, m)
    E = np.exp(Z2 - Z2.max(axis=0))
    return Z1, A1, E / E.sum(axis=0)


# %% [markdown]
# ## Backward
#
# How far is each probability from what it should be? With cross-entropy as the loss that difference
# *is* the slope of the scores ([lesson 11](11_softmax_and_cross_entropy.py)). From there the chain rule
# walks back:
#
#     dZ2 = A2 - Y
#     dW2 = dZ2 A1ᵀ / m           db2 = sum(dZ2) / m
#     dZ1 = W2ᵀ dZ2 · ReLU'(Z1)   where ReLU' is 1 for positive numbers, else 0
#     dW1 = dZ1 Xᵀ / m            db1 = sum(dZ1) / m


# %%
def backward(parameters, X, Y):
    W2 = parameters[2]
    Z1, A1, A2 = forward(parameters, X)
    dZ2 = A2 - Y
    dZ1 = W2.T @ dZ2 * (Z1 > 0)
    sums = [dZ1 @ X.T, dZ1.sum(axis=1, keepdims=True), dZ2 @ A1.T, dZ2.sum(axis=1, keepdims=True)]
    return [total / Y.shape[1] for total in sums]


def accuracy(parameters, X, y):
    return float(np.mean(forward(parameters, X)[2].argmax(axis=0) == y))


def train(parameters, X, iterations, rate=0.1, every=100):
    for i in range(iterations + 1):
        if i % every == 0:
            print(f"  iteration {i:>3}: reads {accuracy(parameters, X, y):.1%} of them")
        slopes = backward(parameters, X, Y)
        parameters = [p - rate * s for p, s in zip(parameters, slopes)]
    return parameters


def uniform(seed, width=0.5):
    rng = np.random.default_rng(seed)
    shapes = [(10, n), (10, 1), (10, 10), (10, 1)]
    return [rng.uniform(-width, width, shape).astype(np.float32) for shape in shapes]


# %% [markdown]
# The equations checked, before anything is trained: nudge one weight and compare.


# %%
def cross_entropy(parameters, X, Y):
    return -np.mean(np.log((forward(parameters, X)[2] * Y).sum(axis=0)))


few = [p.astype(float) for p in uniform(0)], X[:, :20] / digits.levels, Y[:, :20].astype(float)
gaps = []
for weights, slopes in zip(few[0], backward(*few)):
    place = np.unravel_index(abs(slopes).argmax(), slopes.shape)  # the weight that matters most
    losses = []
    for nudge in (1e-5, -2e-5):  # up, then from there down to the other side
        weights[place] += nudge
        losses.append(cross_entropy(*few))
    weights[place] += 1e-5
    gaps.append(abs(slopes[place] - (losses[0] - losses[1]) / 2e-5))
print("W1, b1, W2, b2: formula and nudge differ by", [f"{gap:.0e}" for gap in gaps])

# %% [markdown]
# ## Failure: raw pixels

# %%
print("pixels as they stand in the file:")
raw = train(uniform(0), X, 50, every=25)
dead = int((forward(raw, X)[1].max(axis=1) == 0).sum())
print(f"  {dead} of the 10 hidden units say 0 to every image")

# %% [markdown]
# Pixels of up to 255 make slopes 255 times as large, and the first step throws the units so far off
# that ReLU gives 0 for every image. From 0 no slope comes back: such a unit is dead for good.
# **Repair:** bring the pixels to 0 ... 1.

# %%
X, X_dev = X / digits.levels, X_dev / digits.levels

# %% [markdown]
# ## Failure: all weights zero
#
# Why random weights at all? Zero sounds fair.

# %%
print("all weights zero:")
zero = train([0 * p for p in uniform(0)], X, 50, every=25)
print(f"  largest difference between two hidden units: {np.ptp(zero[0], axis=0).max():.1f}")

# %% [markdown]
# Units that begin alike get the same blame, take the same step and stay alike for ever (here even
# still at 0). **Repair:** draw every weight at random, between -0.5 and 0.5.
#
# ## It learns

# %%
print("random weights, pixels 0 to 1:")
trained = train(uniform(0), X, 500)
on_dev = accuracy(trained, X_dev, y_dev)
print(f"of {kept:,} images that it never saw it reads {on_dev:.1%}")

# %% [markdown]
# (With all 42,000 rows, 500 such iterations read about 84 %: between 81 and 86 for ten different
# draws of the first weights.)
#
# ## Look at what it does
#
# One image at a time, with what the network makes of it.

# %%
side = int(n**0.5)
probabilities = forward(trained, X_dev)[2]
says, sure = probabilities.argmax(axis=0), probabilities.max(axis=0)


def show(i):
    image = X_dev[:, i].reshape(side, side)
    for line in image[image.any(axis=1)]:
        print("   ", "".join(" .:-=+*#%@"[int(9 * v)] * 2 for v in line).rstrip())
    print(f"    says {says[i]} ({sure[i]:.0%} sure), label {y_dev[i]}\n")


for i in range(2):
    show(i)

# %%
draw.images(
    X_dev.T[:12],
    captions=[f"{says[i]} ({sure[i]:.0%})" for i in range(12)],
    wrong=(says != y_dev)[:12],
    title="What the network says, and how sure it is",
)

# %% [markdown]
# ## Look at what it gets wrong
#
# The mistakes of which it was most sure teach the most. Some of these digits are badly written, some
# would puzzle nobody. And a few labels in such files are simply wrong: only by looking do you find out.

# %%
mistakes = sorted(np.flatnonzero(says != y_dev), key=lambda i: -sure[i])
pairs = [f"{y_dev[i]} read as {says[i]}" for i in mistakes]
print(f"{len(mistakes)} mistakes; most common:", max(sorted(set(pairs)), key=pairs.count))
show(mistakes[0])

# %%
worst = mistakes[:12]
draw.images(
    X_dev.T[worst],
    captions=[f"{y_dev[i]}, says {says[i]} ({sure[i]:.0%})" for i in worst],
    title="The mistakes of which it was most sure",
)

# %% [markdown]
# ## Failure: a slow start
#
# Half the iterations go into getting over the random start: each unit adds up hundreds of pixels times
# weights of up to 0.5, so its first sums are far too large, and softmax is *sure* of nonsense.
# **Repair:** draw the weights smaller the more inputs there are, here from a range of √(3 / inputs).

# %%
gentle = uniform(0)
for k in (0, 2):
    gentle[k] *= np.float32(2 * (3 / gentle[k].shape[1]) ** 0.5)
print("weights of a size that fits the number of inputs:")
gentle = train(gentle, X, 500, every=250)
print(f"of the images never seen: {accuracy(gentle, X_dev, y_dev):.1%} instead of {on_dev:.1%}")

# %%
draw.weights(gentle[0], title="What each hidden unit looks for: red for ink, blue for none")

# %% [markdown]
# ## What we found, checked

# %%
assert max(gaps) < 1e-8
assert accuracy(raw, X * digits.levels, y) < 0.6
assert dead >= 3
assert accuracy(zero, X, y) < 0.2
assert np.ptp(zero[0], axis=0).max() == 0
assert accuracy(trained, X, y) > 0.8
assert on_dev > 0.8
assert abs(on_dev - accuracy(trained, X, y)) < 0.05  # it has learned digits, not these images
assert sure[mistakes].mean() < sure[says == y_dev].mean()  # where it errs it is less sure
assert accuracy(gentle, X, y) > accuracy(trained, X, y)

# %% [markdown]
# ## Try it yourself
#
# 1. Give the hidden layer 30 units. Where does the accuracy go, and what does it cost in time?
# 2. Put a second hidden layer between: two equations forward, three back.
# 3. Add `0.01 * W` to each `dW` (weight decay). What changes in the picture of the weights?
# 4. Draw a digit yourself in any program, save it at the right size, and let the network read it.
# 5. Find a wrong label among the mistakes. Correct it. Is the network better for it?
#
# Next: [momentum, RMSprop and Adam](13_optimisers.py), better steps with the same slopes.
