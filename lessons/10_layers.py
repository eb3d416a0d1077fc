# %% [markdown]
# # Layers
#
# A layer needs to know two things: how to turn its input into its output, and how to turn blame for
# its output into blame for its input. If every layer knows that much, layers of any kind can be put
# in a row and the row will learn. After this lesson you have written two of them, met the mistake
# that does not crash, and carried one network through every floor of chainrule.

# %%
import numpy as np

from chainrule import convert, data, draw, layers, nn

# %% [markdown]
# ## What a layer owes its neighbours
#
# [Lesson 6](06_automatic_differentiation.py) remembered every single operation. On arrays there is a
# plainer way, *explicit backpropagation*, which remembers nothing but what each layer keeps itself.
# Going back, a layer is handed `dY`, an array like its output `Y`: the slope of the loss by each of
# its numbers. It owes the layer before it `dX`, the same for its input, and itself the slopes of its
# weights.
#
# **Linear**, `Y = X W + b`, with an example in each row of `X`. If `X[n, i]` grows, every output `j`
# of that example grows by `W[i, j]`. So `dX[n, i]` is the sum over `j` of `dY[n, j] W[i, j]`: that is
# `dX = dY Wᵀ`. A weight acts in all examples: `dW[i, j]` is the sum over `n` of `X[n, i] dY[n, j]`,
# or `dW = Xᵀ dY`. And `b` is added to every row, so `db` is the sum of the rows of `dY`.
#
# **Sigmoid**, `y = 1 / (1 + e⁻ˣ)`, works on each number alone, with slope `y (1 - y)`.


# %%
class Linear:
    def __init__(self, inputs, outputs, rng):
        self.W = rng.normal(0, 1 / np.sqrt(inputs), (inputs, outputs))
        self.b = np.zeros((1, outputs))

    def forward(self, X):  # (n, inputs)
        self.X = X
        return X @ self.W + self.b  # (n, outputs)

    def backward(self, dY):  # (n, outputs)
        self.dW = self.X.T @ dY
        self.db = dY.sum(axis=0, keepdims=True)
        return dY @ self.W.T  # (n, inputs)

    def update(self, lr):
        self.W -= lr * self.dW
        self.b -= lr * self.db


class Sigmoid:
    def forward(self, X):
        self.Y = 1 / (1 + np.exp(-X))
        return self.Y

    def backward(self, dY):
        return dY * self.Y * (1 - self.Y)

    def update(self, lr):
        pass


# %% [markdown]
# To train: forward through the row, the slope of the loss (here the mean squared error), backward
# through the row, and every layer takes its step.


# %%
def train(row, X, targets, steps=1000, lr=0.5):
    for _ in range(steps):
        out = X
        for layer in row:
            out = layer.forward(out)
        gradient = 2 * (out - targets) / targets.size
        for layer in reversed(row):
            gradient = layer.backward(gradient)
        for layer in row:
            layer.update(lr)
    return np.mean((out > 0.5) == (targets > 0.5))


ring = data.ring(300, seed=0)  # a cluster of points, and a ring around it
X, y = ring.x.astype(float), ring.y
rng = np.random.default_rng(0)
straight = train([Linear(2, 8, rng), Linear(8, 1, rng)], X, y[:, None])
rng = np.random.default_rng(0)
bent = train([Linear(2, 8, rng), Sigmoid(), Linear(8, 1, rng)], X, y[:, None])
print(f"two Linear in a row: {straight:.1%} right; with a Sigmoid between them: {bent:.1%}")

# %% [markdown]
# **Failure:** two linear layers in a row are hardly better than guessing. Together they are but one:
# `(X W1) W2 = X (W1 W2)`, and that draws a straight line, which cannot go round a cluster. **Repair:**
# a bend between them. Nothing else had to be touched, neither the loop nor the Linear layer. That is
# the point of layers.
#
# ## The mistake that does not crash
#
# Suppose we had remembered the slope of the sigmoid wrongly, as `y` instead of `y (1 - y)`:


# %%
class Mistaken(Sigmoid):
    def backward(self, dY):
        return dY * self.Y


rng = np.random.default_rng(0)
mistaken = train([Linear(2, 8, rng), Mistaken(), Linear(8, 1, rng)], X, y[:, None])
print(f"with a wrong slope: {mistaken:.1%}")

# %% [markdown]
# It learns! Far better than guessing; one would look for a better learning rate, and for more data,
# and for weeks. **Repair:** never believe a `backward`, compare it with nudges. The library's layers
# have the shape of ours, with `Function` as the common ground: `forward` returns the output, and
# what `backward` may need later is found in `cache`. `layers.check` nudges every entry of the input
# and of all weights:


# %%
class MistakenFunction(layers.Function):
    def forward(self, X):
        return 1 / (1 + np.exp(-X))

    def backward(self, dY):
        return dY * self.cache["output"]


found = layers.check(MistakenFunction(), X[:3])
print(found)
print(layers.check(layers.Sigmoid(), X[:3]))

# %% [markdown]
# It points at the entry that is wrong the most, with what was stated and what was measured.
#
# ## A net in four lines a step
#
# `Net` is the loop from above. It has one output for each class here, and the loss that goes with
# that (see the [next lesson](11_softmax_and_cross_entropy.py)). A step has four lines. Now and then
# we keep a picture of what it says all over the plane, to watch the boundary form.

# %%
row = [layers.Linear(2, 16, rng=0), layers.ReLU(), layers.Linear(16, 2, rng=1)]
net = layers.Net(row, loss=layers.CrossEntropyLoss())

frames, losses = [], []
for step in range(201):
    out = net(X)
    L = net.loss(out, y)
    net.backward()
    net.update_weights(lr=0.5)
    losses.append(float(L))
    if step in (0, 5, 10, 15, 20, 30, 40, 60, 100, 200):
        title = f"step {step}: loss {L:.3f}"
        frames.append(draw.boundary(net, X, y, labels=ring.classes, title=title))
right = np.mean(net(X).argmax(axis=1) == y)
print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}, {right:.1%} right")

# %%
draw.Animation(frames, seconds_per_frame=0.6)

# %% [markdown]
# ## A function of your own
#
# Whoever works on each number alone need not even write `backward`: it is enough to state the slope,
# the *local gradient*, and the chain rule is done for you. Does a network learn with a sine for its
# bend?


# %%
class Sine(layers.Function):
    def forward(self, X):
        return np.sin(X)

    def local_grad(self, X):
        return {"X": np.cos(X)}


row = [layers.Linear(2, 16, rng=0), Sine(), layers.Linear(16, 2, rng=1)]
wave = layers.Net(row, loss=layers.CrossEntropyLoss())
for _ in range(200):
    wave.loss(wave(X), y)
    wave.backward()
    wave.update_weights(lr=0.5)
waved = np.mean(wave(X).argmax(axis=1) == y)
print(f"with a sine: {waved:.1%} right;", layers.check(Sine(), X[:3]))

# %% [markdown]
# ## One network, every floor
#
# The net we have trained holds 82 numbers. Give the same numbers to a network of single `Value`s, as
# in [lesson 8](08_neurons_layers_mlp.py), and to one of tensors, which is how larger networks are
# trained. All three must say the same, and blame the same weights by the same amount.

# %%
few, labels = X[:10], y[:10]
by_layers = float(net.loss(net(few), labels))
net.backward()

mlp = convert.to_scalar(net)
scores = [mlp(x) for x in few.tolist()]
surprises = [sum(s.exp() for s in z).log() - z[label] for z, label in zip(scores, labels)]
by_scalars = sum(surprises) / len(surprises)
by_scalars.backward()

module = convert.to_module(net)
by_tensors = nn.CrossEntropyLoss()(module(few), labels)
by_tensors.backward()

blame = {
    "layers": net.weight_update["0.W"].T,
    "scalars": np.array([[w.grad for w in neuron.w] for neuron in mlp.layers[0].neurons]),
    "tensors": module[0].weight.grad.numpy(),
}
for name, loss in zip(blame, (by_layers, by_scalars.data, by_tensors.item())):
    print(f"{name:>8}: loss {loss:.15f}, slope of the first weight {blame[name][0, 0]:.15f}")

# %% [markdown]
# What separates the floors is what they remember and how fast they are, never what they compute.
#
# ## What we found, checked

# %%
assert straight < 0.6 and bent > 0.95
assert 0.6 < mistaken < 0.95  # it trains, and that is the trouble
assert "wrong in 6 of 6" in str(found) and not found.ok
assert layers.check(net, X[:3], y[:3]).ok and layers.check(Sine(), X[:3]).ok
assert losses[0] > 0.5 and losses[-1] < 0.1
assert right > 0.97 and waved > 0.97
assert abs(by_scalars.data - by_layers) < 1e-12 and abs(by_tensors.item() - by_layers) < 1e-12
for slopes in blame.values():
    assert np.abs(slopes - blame["layers"]).max() < 1e-12

# %% [markdown]
# ## Try it yourself
#
# 1. Write `Tanh` for the first part, with `forward`, `backward` and `update`. Is it quicker than
#    `Sigmoid` on the ring? (Its slope at 0 is 1, that of the sigmoid is 0.25.)
# 2. Forget the `keepdims=True` in `Linear.backward`. What becomes of `b` after one update, and who
#    notices?
# 3. Give the net three hidden units, then two. How few can go round a cluster, and what shape is the
#    boundary?
# 4. Write a `Function` that doubles its input, with a `backward` that does not. Which sentence does
#    `layers.check` answer with?
# 5. Train on `data.spiral(300)`, which has three classes. How many layers does it take?
#
# Next: [softmax and cross-entropy](11_softmax_and_cross_entropy.py), the loss that goes with classes.
