# %% [markdown]
# # Neurons, layers, a network
#
# A neuron can say how much of something it sees; neurons side by side look for several things, and
# layers of them, one behind the other, for things made of things. After this lesson you have written
# such a network in twenty lines, trained it, seen the mistake that everybody makes once, and
# separated two moons that no straight line can.

# %%
import random
import time

from chainrule import convert, data, draw, scalar
from chainrule.scalar import Value

# %% [markdown]
# ## Three small classes
#
# A `Value` is a number that knows its gradient ([lesson 6](06_automatic_differentiation.py)). A
# neuron is one weight for each input, and a bias; tanh bends the sum into -1 ... 1. A layer is neurons
# that see the same inputs. A network (*multi-layer perceptron*, MLP) feeds each layer with the
# outputs of the one before.


# %%
class Neuron:
    def __init__(self, nin, rng):
        self.w = [Value(rng.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(0.0)

    def __call__(self, x):
        return sum((w * v for w, v in zip(self.w, x)), self.b).tanh()

    def parameters(self):
        return [*self.w, self.b]


class Layer:
    def __init__(self, nin, nout, rng):
        self.neurons = [Neuron(nin, rng) for _ in range(nout)]

    def __call__(self, x):
        return [neuron(x) for neuron in self.neurons]


class MLP:
    def __init__(self, nin, nouts, seed=0):
        rng = random.Random(seed)
        self.layers = [Layer(a, b, rng) for a, b in zip([nin, *nouts], nouts)]

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x[0]

    def parameters(self):
        return [p for layer in self.layers for neuron in layer.neurons for p in neuron.parameters()]


mlp = MLP(3, [4, 4, 1])
print(f"{len(mlp.parameters())} parameters: 4·(3+1) + 4·(4+1) + 1·(4+1)")
print("untrained, it says", round(mlp([2.0, 3.0, -1.0]).data, 3))

# %% [markdown]
# ## Four examples
#
# Four inputs of three numbers, and for each what we want to hear. The loss is the sum of the squared
# differences. Learning is the loop we know: forward, loss, backward, a small step against the slopes.

# %%
xs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
targets = [1.0, -1.0, -1.0, 1.0]


def loss_of(mlp):
    return sum((mlp(x) - target) ** 2 for x, target in zip(xs, targets))


def train(mlp, zero_grad, steps=50, lr=0.1):
    losses = []
    for _ in range(steps):
        loss = loss_of(mlp)
        if zero_grad:
            for p in mlp.parameters():
                p.grad = 0.0
        loss.backward()
        for p in mlp.parameters():
            p.data -= lr * p.grad
        losses.append(loss.data)
    return losses


# %% [markdown]
# **Failure: yesterday's gradients.** Gradients are *added up*; they have to be, for a number may be
# used twice. So when the second step begins, those of the first are still there, and the third step
# is taken by the sum of three. Twelve networks, each begun with other weights, without and with
# clearing the gradients between the steps:

# %%
forgotten = [train(MLP(3, [4, 4, 1], seed), zero_grad=False) for seed in range(12)]
cleared = [train(MLP(3, [4, 4, 1], seed), zero_grad=True) for seed in range(12)]
print("loss after 50 steps")
for name, runs in (("forgotten", forgotten), ("cleared", cleared)):
    print(f"{name:>9}:", *(f"{losses[-1]:.3f}" for losses in runs))

# %%
draw.curves(
    {"forgotten": forgotten[6], "cleared": cleared[6]},
    title="The same network, twice: gradients forgotten and cleared",
    y_label="loss",
)

# %% [markdown]
# The treacherous thing is that it often works, and quickly: the growing sum makes the steps longer
# and longer. But a sum never forgets. Even at the bottom, where the slope is 0, it walks on, and some
# of the networks are carried up the other side, onto a plain where tanh is flat, no slope is left to
# turn them round, and one or two of the four answers are wrong for good.
#
# **Repair:** set the gradients to 0 before each `backward`. All twelve come down, and stay.

# %%
mlp = MLP(3, [4, 4, 1])
losses = train(mlp, zero_grad=True)
print(f"loss {losses[0]:.2f} -> {losses[-1]:.4f}")
print("answers:", [round(mlp(x).data, 2) for x in xs], "wanted:", targets)
unseen = mlp([4.0, 5.0, -3.0]).data
print(f"[4, 5, -3], which it has never seen and which is like the first: {unseen:.3f}")

# %% [markdown]
# ## Two moons
#
# A harder question: a hundred points on two half circles that reach into each other, `-1` on one of
# them, `1` on the other. The library has our three classes, too, with a choice of activations:
# `relu` is `max(x, 0)`, and the output is "linear", a plain score, of which only the sign matters.
#
# The loss fits that. The *hinge*, `max(0, 1 - target · score)`, is content once a score is beyond 1 on
# the right side, and does not ask for more. A little of the sum of all squared weights is added, so
# that weights stay as small as they can be ([lesson 14](14_regularisation.py) has more on that).
#
# Sixty thousand operations a step take a quarter of a second and more. `scalar.compile` records them
# once, here with the data, and replays them with the weights of the moment.

# %%
moons = data.moons(100, seed=0)
points, sides = moons.x.tolist(), [2.0 * label - 1.0 for label in moons.y.tolist()]


def separate(mlp, steps=100):
    def loss():
        hinges = [(1 - side * mlp(point)).relu() for point, side in zip(points, sides)]
        return sum(hinges) / len(hinges) + 1e-4 * sum(p * p for p in mlp.parameters())

    replay = scalar.compile(loss)
    begin = time.perf_counter()
    for step in range(steps):
        mlp.zero_grad()
        replay()
        for p in mlp.parameters():
            p.data -= (1.0 - 0.9 * step / steps) * p.grad  # long steps first, then short ones
    seconds = (time.perf_counter() - begin) / steps
    right = sum((mlp(point).data > 0) == (side > 0) for point, side in zip(points, sides))
    print(f"{mlp}: {right} of 100 right, {1e3 * seconds:.2f} ms a step", end=", ")
    print(f"{len(mlp.parameters())} parameters")
    return right


# %% [markdown]
# **Failure: one neuron.** It can only draw a straight line, and no straight line will do.

# %%
line = scalar.MLP(2, [1], output="linear")
by_line = separate(line)
draw.boundary(convert.to_layers(line), points, sides, title="One neuron")

# %% [markdown]
# **Repair: two layers of 16 before it.** Each of the first 16 draws a line of its own. The second
# layer weighs their answers against each other, and out of many straight lines comes a bent one.

# %%
network = scalar.MLP(2, [16, 16, 1], activation="relu", output="linear")
by_network = separate(network)
draw.boundary(convert.to_layers(network), points, sides, title="MLP(2, [16, 16, 1])")

# %% [markdown]
# (For the picture the network is asked about 6,400 places. `convert.to_layers` gives its numbers to
# arrays, which answer all of them in one go. How, and why that is so much quicker, comes next.)
#
# ## What we found, checked

# %%
assert sum(losses[-1] > 1 for losses in forgotten) >= 2  # carried away
assert all(losses[-1] < 0.02 for losses in cleared)
assert losses[0] > 3 and losses[-1] < 0.02
assert all(mlp(x).data * target > 0.9 for x, target in zip(xs, targets))
assert unseen > 0.9
assert len(mlp.parameters()) == 41 and len(network.parameters()) == 337
assert 75 < by_line < 95
assert by_network == 100

# %% [markdown]
# ## Try it yourself
#
# 1. Ask the network of four examples about `[0, 0, 0]`, and about the opposites of what it has
#    learned, `[-2, -3, 1]`. Does it know that it does not know?
# 2. Learning rate 1 in place of 0.1: how many of the twelve come down?
# 3. How small can the network for the moons be, `[8, 8, 1]`, `[4, 4, 1]`, `[8, 1]`? Look at the
#    boundaries: you can count the lines.
# 4. Leave out the squared weights. What happens to the boundary, and to the size of the weights?
# 5. Time one step without `compile`: call `loss().backward()` in place of `replay()`.
#
# Next: [from scalars to arrays](09_from_scalars_to_arrays.py), the same network a thousand times
# faster.
