# %% [markdown]
# # From scalars to arrays
#
# To compute a network one number at a time is the best way to understand it, and a hopelessly slow way
# to train it. After this lesson you can write a neuron, a layer and a network as matrix products, you
# have measured how much that gains on your machine, and you have grown the four-cell neuron of
# [lesson 3](03_learning_an_average.py) to pictures of 100x100, with biases, layers and an activation.

# %%
import tempfile
import timeit

import numpy as np
from PIL import Image

from chainrule import data, draw
from chainrule.scalar import Value

# %% [markdown]
# ## One neuron, three ways
#
# The task is the old one: rectangles of grey cells in, their average out; mean squared error; the
# slope of every weight. This time rectangles of 10x10. First with the `Value`s of
# [lesson 6](06_automatic_differentiation.py), which know calculus, then with loops over plain numbers.


# %%
def with_values(x, t, w):
    weights, total = [Value(v) for v in w], Value(0.0)
    for cells, target in zip(x, t):
        answer = Value(0.0)
        for weight, cell in zip(weights, cells):
            answer = answer + weight * cell
        total = total + (answer - target) ** 2
    loss = total / len(x)
    loss.backward()
    return loss.data, [weight.grad for weight in weights]


def with_loops(x, t, w):
    loss, slopes = 0.0, [0.0] * len(w)
    for cells, target in zip(x, t):
        error = sum(weight * cell for weight, cell in zip(w, cells)) - target
        loss += error**2 / len(x)
        for i, cell in enumerate(cells):
            slopes[i] += 2 * error * cell / len(x)
    return loss, slopes


# %% [markdown]
# Now look at the loops with half-closed eyes. Every rectangle is multiplied by the same weights: that
# is a matrix of rectangles, one in each row, times a column of weights. And every slope is a sum over
# the rectangles of error times cell: that is the same matrix on its side (`x.T`) times the errors.
#
#     answers = x @ w            (rectangles, cells) @ (cells,)      -> (rectangles,)
#     slopes  = 2 x.T @ errors   (cells, rectangles) @ (rectangles,) -> (cells,)


# %%
def with_arrays(x, t, w):
    errors = x @ w - t
    return np.mean(errors**2), 2 * x.T @ errors / len(x)


rng = np.random.default_rng(0)
x = rng.random((200, 100)).round(1)  # (rectangles, cells)
t, w = x.mean(axis=1), rng.normal(0, 0.1, 100)


def seconds(compute, *arguments, repeat=3):  # the least: what else runs can only make it longer
    return min(timeit.repeat(lambda: compute(*arguments), number=1, repeat=repeat))


lists = (x.tolist(), t.tolist(), w.tolist())
took = {
    "Values": seconds(with_values, *lists),
    "loops": seconds(with_loops, *lists),
    "arrays": seconds(with_arrays, x, t, w, repeat=50),
}
for name, s in took.items():
    print(f"{name:>6}: {1e3 * s:>7.3f} ms a step, {took['Values'] / s:>5.0f} times Values' speed")

# %% [markdown]
# Same loss, same slopes, a few thousand times sooner. A loop in Python looks up what every single
# number is before it may be multiplied; a `Value` moreover notes where it came from. The matrix
# product is told once that everything is numbers, finds them side by side in memory, and takes
# several of them in each tick of the clock.
#
# ## A hundred by a hundred
#
# So larger pictures are within reach: 1,000 rectangles of 100x100 cells, 10,000 weights.

# %%
big = rng.random((1000, 10_000), dtype=np.float32).round(1)  # (rectangles, cells)
grey = big.mean(axis=1)
print(f"one epoch with Values would take {took['Values'] * big.size / x.size:.0f} s")


def train(rate, epochs=30):
    weights, losses = np.zeros(10_000, np.float32), []
    for _ in range(epochs):
        loss, slopes = with_arrays(big, grey, weights)
        losses.append(float(loss))
        weights -= np.float32(rate) * slopes
    return weights, losses


# %% [markdown]
# ## Failure: the old learning rate
#
# 0.1 was fine for four cells.

# %%
_, exploded = train(rate=0.1, epochs=4)
print("learning rate 0.1, loss:", [f"{loss:.1e}" for loss in exploded])

# %% [markdown]
# It explodes at once. [Lesson 5](05_overstepping_and_valleys.py) says why: the learning rate must stay
# below 2 / curvature. Ten thousand weights that grow together bend the loss thousands of times as much
# as four do.
#
# ## Repair: ask the curvature

# %%
curvature = 2 * np.mean(big.sum(axis=1) ** 2) / 10_000  # all weights together, as in lesson 5
weights, losses_big = train(rate=1 / curvature)
print(f"curvature {curvature:.0f}, learning rate {1 / curvature:.5f}: loss {losses_big[-1]:.1e}")
halves = np.repeat([1.0, 0.0], 5000)  # black above, white below: 0.5 grey
print(f"half black, half white: {halves @ weights:.3f};  all black: {weights.sum():.3f}")

# %% [markdown]
# And a picture from a file? Here is a handwritten digit, saved as a PNG by Pillow and read back at
# 100x100. In files 0 is black, so we turn it round.

# %%
with tempfile.TemporaryDirectory() as folder:
    path = f"{folder}/digit.png"
    Image.fromarray(255 - data.digits().x[0, 0] * 15).save(path)
    pixels = data.read_image(path, size=100, resize=True)
picture = 1 - pixels.reshape(-1) / 255
ink = picture @ weights
print(f"the neuron finds the digit {ink:.3f} grey, NumPy's mean says {picture.mean():.3f}")

# %%
draw.images([1 - picture.reshape(100, 100)], captions=[f"{ink:.3f} grey"])

# %% [markdown]
# ## Failure: how light is white?
#
# Back to four cells, another question: how *light* is a rectangle, 1 - average? A white one is all
# zeros, and whatever the weights, 0 times a weight is 0. The neuron must say 0 where 1 is right.
#
# ## Repair: a bias
#
# Every neuron gets one more number that is simply added, its **bias**. And while we are at it, several
# neurons side by side make a **layer**: a matrix of weights with a column for each neuron. Layers one
# behind the other make a network. Going forward is a product for each layer; going back is the chain
# rule, again a product for each layer (the [next lesson](10_layers.py) takes it apart).


# %%
def learn(sizes, target, activation=True, epochs=2000, rate=0.1):
    rng = np.random.default_rng(1)
    W = [rng.normal(0, n**-0.5, (n, m)) for n, m in zip(sizes, sizes[1:])]  # (inputs, neurons)
    b = [np.zeros(m) for m in sizes[1:]]
    losses = []
    for _ in range(epochs):
        outputs = [small]
        for k in range(len(W)):
            z = outputs[-1] @ W[k] + b[k]  # (rectangles, neurons)
            outputs.append(np.maximum(z, 0) if activation and k < len(W) - 1 else z)
        g = outputs[-1] - target
        losses.append(float(np.mean(g**2)))
        g = 2 * g / len(g)
        for k in reversed(range(len(W))):
            if activation and k < len(W) - 1:
                g = g * (outputs[k + 1] > 0)  # ReLU lets blame through where it let numbers through
            g, dW, db = g @ W[k].T, outputs[k].T @ g, g.sum(axis=0)
            W[k] -= rate * dW
            b[k] -= rate * db
    return W, b, losses


small = rng.random((500, 4)).round(1)
average = small.mean(axis=1, keepdims=True)
(light_weights,), (bias,), light_losses = learn([4, 1], 1 - average)
print("weights", light_weights.ravel().round(3), "bias", bias.round(3))

# %% [markdown]
# The weights have become minus a quarter each, the bias 1: exactly `1 - average`.
#
# ## Failure: more layers, nothing new
#
# A harder question: how strong is the edge between the upper half and the lower, whichever of them is
# the darker? That is |upper - lower|, where upper and lower are averages of two cells. One neuron can
# find upper minus lower, but not drop the sign. Do more layers help?

# %%
edge = abs(small[:, :2].mean(axis=1) - small[:, 2:].mean(axis=1))[:, None]
runs = {}
for task, target in (("average", average), ("edge", edge)):
    for sizes in ([4, 1], [4, 8, 1], [4, 8, 4, 1]):
        for activation in ("none", "ReLU"):
            losses = learn(sizes, target, activation == "ReLU")[2]
            runs[f"{task} {sizes} {activation}"] = losses
            print(f"{task:>7}, {sizes!s:>12}, activation {activation}: loss {losses[-1]:.1e}")

# %% [markdown]
# Without an activation, no number of layers helps: a weighted sum of weighted sums is a weighted sum,
# `(x @ W1) @ W2 = x @ (W1 @ W2)`, and the two matrices might as well be one.
#
# ## Repair: an activation
#
# Bend the numbers between the layers, here with ReLU, which replaces the negative ones by 0, and the
# layers become worth their money: one unit may watch for a darker upper half, another for a darker
# lower one. For the average, a plain sum, the bend is only in the way. Watch the loss:

# %%
few = ("edge [4, 1] none", "edge [4, 8, 1] none", "edge [4, 8, 1] ReLU", "edge [4, 8, 4, 1] ReLU")
curves = {name: np.column_stack([range(0, 2000, 20), runs[name][::20]]) for name in few}
draw.curves(curves, title="Learning to see an edge", x_label="epoch", log_y=True)

# %% [markdown]
# ## What we found, checked

# %%
all_three = [with_values(*lists), with_loops(*lists), with_arrays(x, t, w)]
assert all(abs(loss - all_three[0][0]) < 1e-12 for loss, _ in all_three)
assert all(np.allclose(slopes, all_three[0][1], atol=1e-12) for _, slopes in all_three)
assert took["Values"] > 50 * took["arrays"]
assert took["loops"] > 10 * took["arrays"]
assert exploded[-1] > 1e6
assert losses_big[-1] < 1e-6
assert abs(halves @ weights - 0.5) < 0.01
assert abs(weights.sum() - 1) < 0.01
assert abs(ink - picture.mean()) < 0.02
assert light_losses[-1] < 1e-9
assert abs(bias[0] - 1) < 0.001
W1, W2 = rng.normal(size=(4, 8)), rng.normal(size=(8, 1))
assert np.allclose((small @ W1) @ W2, small @ (W1 @ W2))
for layers in ("[4, 8, 1]", "[4, 8, 4, 1]"):
    flat, bent = runs[f"edge {layers} none"][-1], runs[f"edge {layers} ReLU"][-1]
    assert abs(flat / runs["edge [4, 1] none"][-1] - 1) < 0.01
    assert bent < 0.1 * flat
    assert runs[f"average {layers} none"][-1] < 1e-9 < runs[f"average {layers} ReLU"][-1]

# %% [markdown]
# ## Try it yourself
#
# 1. Time the three ways on rectangles of 2x2 and of 20x20. Where do the arrays begin to pay, and why
#    do they gain more on larger pictures?
# 2. Subtract 0.5 from every cell of the big rectangles before training. How large may the learning
#    rate be now? (Compute the curvature first.)
# 3. Take the neuron of 100x100 to a photograph of your own.
# 4. Put `np.tanh` in place of ReLU. Which line of the way back must change, and to what?
# 5. Give the hidden layer 1, 2, 3, ... neurons. How few can see the edge? What does each of them watch?
#
# Next: [layers with explicit backpropagation](10_layers.py).
