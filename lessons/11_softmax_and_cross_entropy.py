# %% [markdown]
# # Softmax and cross-entropy
#
# Softmax turns the scores that a network gives to classes into probabilities, cross-entropy says
# how wrong those are, and the two belong together so closely that libraries compute them as one.
# This lesson takes each alone, watches it fail, and finds the short formula in which all the
# failures disappear: *the gradient is what was said minus what was true*.

# %%
import numpy as np

from chainrule import draw, layers

# %% [markdown]
# ## From scores to probabilities
#
# Three classes, three scores. Probabilities must be positive and add up to 1. So make every score
# positive with `e^z`, and divide by the sum. That is softmax.


# %%
def naive_softmax(z):
    e = np.exp(z)
    return e / e.sum(axis=-1, keepdims=True)


print("scores 1, 2, 3 are probabilities", naive_softmax(np.array([1.0, 2.0, 3.0])).round(3))

# %% [markdown]
# **Failure: large scores.** A network in training may well say 1000 to a thing. `e^1000` is a number
# of 435 digits; the computer calls it infinite, and infinite divided by infinite is no number:

# %%
large = np.array([1000.0, 1001.0, 1002.0])
with np.errstate(over="ignore", invalid="ignore"):
    overflowed = naive_softmax(large)
print("scores of 1000 and a little:", overflowed)

# %% [markdown]
# **Repair: subtract the largest.** Taking the same number off each score divides all the `e^z` by the
# same factor, and the sum as well: nothing changes. But now the largest power is `e^0 = 1`.


# %%
def softmax(z):
    return naive_softmax(z - z.max(axis=-1, keepdims=True))


print("the same, repaired:", softmax(large).round(3), "as for 1, 2, 3")

# %% [markdown]
# ## How wrong is it?
#
# We know a measure of wrongness: the squared error, the sum of `(p - y)²` where `y` is 1 for
# the right class and 0 for the others.
#
# **Failure: sure of the wrong thing, and unable to learn.** Take two classes, of which the first is
# right, and a network whose right score is behind by some gap. How hard does the loss push it up?
# (The push is the slope of the loss by that score, with its sign turned round.)


# %%
def squared_error(z, y):
    return np.sum((softmax(z) - y) ** 2, axis=-1)


def cross_entropy_by_hand(z, y):
    return -np.log(np.sum(softmax(z) * y, axis=-1))


def nudged(loss, z, y, h=1e-5):
    slopes = [loss(z + h * d, y) - loss(z - h * d, y) for d in np.eye(z.shape[-1])]
    return np.stack(slopes, axis=-1) / (2 * h)


gaps = np.linspace(-10, 20, 121)
scores = np.stack([np.zeros_like(gaps), gaps], axis=1)  # (gaps, 2)
first = np.array([1.0, 0.0])
push = {
    "squared error": -nudged(squared_error, scores, first)[:, 0],
    "cross-entropy": -nudged(cross_entropy_by_hand, scores, first)[:, 0],
}
print("behind by  probability  push:", *(f"{name:>15}" for name in push))
for gap in (-5, 0, 5, 10, 20):
    at = np.argmin(abs(gaps - gap))
    p = softmax(scores[at])[0]
    print(f"{gap:>9} {p:12.0e}       ", *(f"{slopes[at]:15.0e}" for slopes in push.values()))

# %%
draw.curves(
    {name: np.stack([gaps, slopes], axis=1) for name, slopes in push.items()},
    title="How hard the loss pushes the right score up",
    x_label="by how much the right score is behind",
    y_label="push",
)

# %% [markdown]
# The *more* wrong the network is, the *less* the squared error has to say: softmax is flat out there,
# and everything is multiplied by that flatness. It is like a teacher who falls silent at the worst
# mistakes. Let both learn from 10 behind, with learning rate 1:


# %%
def steps_until_right(loss):
    z, steps = np.array([0.0, 10.0]), 0
    while z[0] < z[1]:
        z, steps = z - nudged(loss, z, first), steps + 1
    return steps


slow, quick = steps_until_right(squared_error), steps_until_right(cross_entropy_by_hand)
print(f"steps until the right class is ahead: squared error {slow}, cross-entropy {quick}")

# %% [markdown]
# **Repair: cross-entropy.** The other measure is `-log(p)`, with `p` the probability given to the
# right class. It is 0 for `p = 1` and grows without limit as `p` goes to 0: the logarithm undoes the
# exponential, so the flatness cancels. In words, it is the *surprise* at what was true.
#
# **Failure: the logarithm of nothing.** But taken apart like this, it has an accident waiting. From
# a gap of some 745 on, `p` is too small for a floating-point number, and becomes 0:

# %%
hopeless = np.array([0.0, 800.0])
with np.errstate(divide="ignore"):
    infinite = cross_entropy_by_hand(hopeless, first)
print("loss at a gap of 800:", infinite)

# %% [markdown]
# **Repair: do the logarithm on paper.** With `p = e^z / Σ e^z`, `log p` is `z - log Σ e^z`. No
# probability is ever formed, so none can vanish. The largest score is subtracted as before.


# %%
def log_softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def cross_entropy(z, y):
    return -np.sum(log_softmax(z) * y, axis=-1)


print(
    "repaired:", cross_entropy(hopeless, first), "and scores of 1000:", log_softmax(large).round(3)
)

# %% [markdown]
# ## The gradient, in words
#
# On paper the loss is `log Σ e^z - z_right`. How does it change with one of the scores, `z`?
#
# - The second part is minus the right score. Its slope is -1 for the right class, 0 for the others:
#   **that is `-y`.**
# - The first part: a nudge to `z` makes `e^z`, and with it the sum, grow at the rate `e^z`. The
#   logarithm divides by what it is the logarithm of. So its slope is `e^z / Σ e^z`: **that is `p`.**
#
# Together, `p - y`: what was said, minus what was true. No exponential that could overflow, no
# logarithm, no division by something small. It cannot be larger than 1 or fade while the answer is
# wrong. This is why the two go together.

# %%
rng = np.random.default_rng(0)
z = rng.normal(0, 3, (5, 4))  # five examples, four classes
y = np.eye(4)[[0, 3, 1, 1, 2]]  # a row of zeros with a one: "one-hot"
gradient = softmax(z) - y
difference = np.abs(gradient - nudged(cross_entropy, z, y)).max()
print("said minus true, first example:", gradient[0].round(4))
print(f"largest difference from nudging: {difference:.0e}; each row adds up to", end=" ")
print(abs(gradient.sum(axis=1)).max().round(12))

# %% [markdown]
# Each row adds up to zero: whatever is taken from the wrong classes is given to the right one.
#
# ## Failure: labels of another shape
#
# Data sets hold labels, `3` rather than `0 0 0 1`, so the right score is picked by its number. Some
# hold them in a column, of shape `(n, 1)`, and then something nasty happens:


# %%
def loss_by_label(z, labels):
    return -log_softmax(z)[np.arange(len(z)), labels].mean()


row = np.array([0, 3, 1, 1, 2])  # (5,)
column = row[:, None]  # (5, 1)
print("row:", loss_by_label(z, row).round(4), " column:", loss_by_label(z, column).round(4))

# %% [markdown]
# No error, and another number. A row of 5 examples and a column of 5 labels are *broadcast* to a
# table of 5 x 5: each example is held against everybody's labels. It would even train, to nothing.
#
# **Repair: say which shape is due.** Labels that hold one number for each example are laid in a row,
# anything else is refused.


# %%
def checked_loss(z, labels):
    if labels.size != len(z):
        raise ValueError(f"{len(z)} examples need as many labels, got shape {labels.shape}")
    return loss_by_label(z, labels.reshape(-1))


print("column, repaired:", checked_loss(z, column).round(4))

# %% [markdown]
# The library's loss takes raw scores and does all of this inside: the largest subtracted, the
# logarithm on paper, the gradient `p - y` (shared out among the examples, for it is a mean), labels
# checked. So a network ends with its scores, and softmax is *not* put in front of the loss.

# %%
loss = layers.CrossEntropyLoss()
print("the library's:", loss(z, column).round(4), "at a gap of 800:", loss(hopeless, [0]))

# %% [markdown]
# ## What we found, checked

# %%
assert np.isnan(overflowed).all()
assert np.allclose(softmax(large), softmax(np.array([1.0, 2.0, 3.0])))
assert push["squared error"][-1] < 1e-8 and push["cross-entropy"][-1] > 0.99
assert quick < 20 < 2000 < slow
assert np.isinf(infinite) and cross_entropy(hopeless, first) == 800
assert difference < 1e-8 and np.abs(gradient.sum(axis=1)).max() < 1e-12
assert abs(loss_by_label(z, column) - loss_by_label(z, row)) > 0.1
assert checked_loss(z, column) == loss_by_label(z, row) == cross_entropy(z, y).mean()
assert abs(loss(z, column) - cross_entropy(z, y).mean()) < 1e-12
assert np.allclose(loss.backward(), gradient / len(z), rtol=0, atol=1e-12)

# %% [markdown]
# ## Try it yourself
#
# 1. A network that knows nothing gives all of ten classes the same score. What is its loss? (It is
#    the number to expect at the first step of every training; if yours is larger, look why.)
# 2. Divide the scores by a *temperature* of 0.1, or of 10, before softmax. Who gains?
# 3. Put softmax in front twice, `cross_entropy(softmax(z), y)`: how low can this loss get, and what
#    has become of its gradient?
# 4. With two classes, show that softmax is a sigmoid of the difference of the scores.
# 5. Smooth the labels: 0.9 for the right class, the rest shared out. Is the gradient still `p - y`?
#
# Next: [digits by equations](12_digits_by_equations.py), where `p - y` reads handwriting.
