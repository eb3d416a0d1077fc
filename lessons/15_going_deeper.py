# %% [markdown]
# # Going deeper
#
# Stacking layers goes wrong twice: without an activation a hundred layers are worth one, and with
# the wrong one the slopes fade on their way back until the first layers learn nothing at all. You
# will measure both, find out what size the first weights must have, and repair a network of ten
# layers, then one of thirty, on the same points.

# %%
import numpy as np

import chainrule as cr
from chainrule import data, draw, nn, optim

cr.set_num_threads(1)  # products as small as these gain nothing from a second one
WIDTH, SEED = 32, 2
spiral = data.spiral(300, seed=SEED)
x, y = points = cr.tensor(spiral.x), cr.tensor(spiral.y)
print(f"{len(x)} points on three arms; guessing costs ln 3 = {np.log(3):.4f}")


def learn(model, steps=200, lr=0.01):
    optimizer, losses = optim.Adam(model.parameters(), lr=lr), []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return losses, float((model(x).argmax(1) == y).float().mean())


# %% [markdown]
# ## Failure: ten layers worth one
#
# A linear layer multiplies by a matrix `W` and adds `b`. Two of them in a row: `W₂ (W₁ x + b₁) + b₂
# = (W₂ W₁) x + (W₂ b₁ + b₂)`. That is *one* linear layer, with the matrix `W₂ W₁`.

# %%
cr.manual_seed(SEED)
linear = nn.Sequential(nn.Linear(2, WIDTH), *(nn.Linear(WIDTH, WIDTH) for _ in range(8)))
linear.append(nn.Linear(WIDTH, 3)).double()
W, b = np.eye(2), np.zeros(2)
for layer in linear:
    W, b = layer.weight.detach().numpy() @ W, layer(cr.tensor(b)).detach().numpy()
difference = np.abs(linear(x.double()).detach().numpy() - (spiral.x @ W.T + b)).max()
print(f"ten layers in one matrix of shape {W.shape}: largest difference {difference:.0e}")
linear_losses, linear_accuracy = learn(linear.float())
print(f"ten linear layers: loss {linear_losses[-1]:.3f}, accuracy {linear_accuracy:.0%}")

# %%
draw.boundary(linear, *points, labels=spiral.classes, title="Ten layers, straight lines")

# %% [markdown]
# Straight borders through arms that are round. What an **activation** is for: a bend between two
# layers, so that they do not collapse.
#
# ## Failure: the slopes fade
#
# So a bend after every layer: the sigmoid, `1 / (1 + e^-z)`, which squeezes any number into 0 ... 1.


# %%
def deep(activation, depth=10, start=None, norm=False):
    """`depth` hidden layers; `start` fills a weight in place before training."""
    cr.manual_seed(SEED)
    layers = [nn.Linear(2, WIDTH), activation()]
    for _ in range(depth - 1):
        layers += [nn.Linear(WIDTH, WIDTH), *[nn.BatchNorm1d(WIDTH)] * norm, activation()]
    model = nn.Sequential(*layers, nn.Linear(WIDTH, 3))
    for layer in model if start else ():
        if isinstance(layer, nn.Linear):
            start(layer.weight)
            nn.init.zeros_(layer.bias)
    return model


def gradient_sizes(model):
    """The length of the gradient of each layer's weights, before any training."""
    nn.functional.cross_entropy(model(x), y).backward()
    sizes = [layer.weight.grad.norm() for layer in model.modules() if isinstance(layer, nn.Linear)]
    model.zero_grad()
    return [float(size) for size in sizes]


faded = gradient_sizes(deep(nn.Sigmoid))
for number, size in enumerate(faded, start=1):
    print(f"layer {number:>2}: gradient {size:.1e}")
sigmoid_losses, sigmoid_accuracy = learn(deep(nn.Sigmoid))
print(f"after 200 steps: loss {sigmoid_losses[-1]:.4f}, accuracy {sigmoid_accuracy:.0%}")

# %% [markdown]
# It has learned nothing: the loss is that of guessing. Read the gradients from the bottom up: the
# way back goes from the last layer to the first, and each layer leaves about a tenth. The chain
# rule *multiplies*. Every sigmoid puts in its slope, which is at most 1/4, every layer its weights,
# and ten factors below one are next to nothing: the **vanishing gradient**.
#
# ## How large should the first weights be?
#
# Look at the way forward first. A unit adds up `n` products of a weight and an input. If the weights
# are drawn with spread `s` (their standard deviation), the sum spreads `s √n` times as far as the
# inputs. So with every layer the numbers are multiplied by `s √n`, and there is one good choice:
# `s = 1/√n`, named after Xavier Glorot. ReLU, which keeps `z` where it is positive and else gives
# 0, throws half away, so it needs twice the variance: `s = √(2/n)`, named after Kaiming He.


# %%
def normal(s):
    return lambda weight: nn.init.normal_(weight, 0.0, s)


def he(weight):
    return nn.init.kaiming_normal_(weight, nonlinearity="relu")


starts = {
    "tanh, 0.01": deep(nn.Tanh, start=normal(0.01)),
    "tanh, 1": deep(nn.Tanh, start=normal(1.0)),
    "tanh, Xavier": deep(nn.Tanh, start=nn.init.xavier_normal_),
    "ReLU, 1": deep(nn.ReLU, start=normal(1.0)),
    "ReLU, Xavier": deep(nn.ReLU, start=nn.init.xavier_normal_),
    "ReLU, He": deep(nn.ReLU, start=he),
}
spreads = {name: [] for name in starts}
print(f"{'spread after layer':<20} {'1':>9} {'4':>9} {'7':>9} {'10':>9}")
for name, model in starts.items():
    h = cr.randn(300, 2, generator=cr.Generator(SEED))
    for layer in model[:-1]:
        h = layer(h)
        if not isinstance(layer, nn.Linear):
            spreads[name].append(float((h**2).mean().sqrt()))
    print(f"{name:<20} " + " ".join(f"{spread:9.2g}" for spread in spreads[name][::3]))

# %%
draw.curves(spreads, title="Size of the activations by layer", x_label="layer", log_y=True)

# %% [markdown]
# Too small, and the signal dies out. Too large, and ReLU explodes, while tanh is pushed against its
# walls at -1 and 1, where its slope is 0. Just right, and the tenth layer hears as much as the
# first. The slopes on the way back obey the same rule, with the same cure.
#
# ## Three repairs, and then thirty layers
#
# - **A better start**: Xavier for tanh, He for ReLU (whose slope is 1 where it is not 0).
# - **Batch norm**: after each layer, subtract the mean of the batch and divide by its spread. Then
#   the size cannot drift, whatever the weights: even the sigmoid learns.
# - **Residual layers**: let each layer *add* to what came in, `x + f(x)`. The slope of that is
#   `1 + f'(x)`: the 1 carries the gradient back past any number of layers.


# %%
class Residual(nn.Module):
    def __init__(self, width):
        self.inner = nn.Sequential(nn.Linear(width, width), nn.Tanh())

    def forward(self, x):
        return x + self.inner(x)


cr.manual_seed(SEED)
residual = [nn.Linear(2, WIDTH), *(Residual(WIDTH) for _ in range(29)), nn.Linear(WIDTH, 3)]
networks = {
    "sigmoid": deep(nn.Sigmoid),
    "ReLU, 0.01": deep(nn.ReLU, start=normal(0.01)),
    "tanh, Xavier": starts["tanh, Xavier"],
    "ReLU, He": starts["ReLU, He"],
    "sigmoid, batch norm": deep(nn.Sigmoid, norm=True),
    "30 tanh, Xavier": deep(nn.Tanh, depth=30, start=nn.init.xavier_normal_),
    "30 residual": nn.Sequential(*residual),
}
gradients, curves, accuracy = {}, {}, {}
print(f"{'network':<20} {'gradient: first':>15} {'last':>9} {'loss':>8} {'accuracy':>9}")
for name, model in networks.items():
    sizes = gradients[name] = gradient_sizes(model)
    curves[name], accuracy[name] = learn(model)
    print(f"{name:<20} {sizes[0]:>15.0e} {sizes[-1]:>9.0e}", end=" ")
    print(f"{np.mean(curves[name][-10:]):>8.4f} {accuracy[name]:>9.0%}")

# %%
of_ten = {name: sizes for name, sizes in gradients.items() if len(sizes) == 11}
draw.curves(of_ten, title="Length of the gradient by layer", x_label="layer", log_y=True)

# %%
shown = ("sigmoid", "30 tanh, Xavier", "tanh, Xavier", "sigmoid, batch norm", "30 residual")
draw.curves({name: curves[name] for name in shown}, title="Learning", y_label="loss", log_y=True)

# %% [markdown]
# Two networks of ten layers never leave ln 3: those whose gradients arrive as nothing. The others,
# of the same size, on the same points, with the same optimiser, learn every point. At thirty layers
# a good start is not enough. The gradients have the right size, but in one step all thirty layers
# change, their changes multiply, and the first steps throw the network off for good; it could only
# learn with smaller ones. The residual network, in which each layer adds to what is there, does not
# notice the depth.

# %%
draw.boundary(networks["30 residual"], *points, labels=spiral.classes, title="Thirty layers")

# %% [markdown]
# ## What we found, checked

# %%
assert difference < 1e-12
assert linear_losses[-1] > 0.9
assert linear_accuracy < 0.6
assert faded[0] < 1e-6 * faded[-1]  # vanished
assert all(near < 4 * far for near, far in zip(faded, faded[1:]))  # hardly ever larger in front
assert abs(sigmoid_losses[-1] - np.log(3)) < 0.01
assert spreads["tanh, 0.01"][-1] < 1e-10
assert spreads["ReLU, 1"][-1] > 1e4
assert spreads["tanh, 1"][-1] > 0.8  # against the walls
assert 0.3 < spreads["ReLU, He"][-1] / spreads["ReLU, He"][0] < 3
assert spreads["ReLU, Xavier"][-1] < spreads["ReLU, He"][-1] / 10
for name in ("tanh, Xavier", "ReLU, He", "sigmoid, batch norm", "30 residual"):
    assert accuracy[name] > 0.97, name
assert abs(curves["ReLU, 0.01"][-1] - np.log(3)) < 0.01
assert curves["30 residual"][-1] < 0.05 < 0.5 < curves["30 tanh, Xavier"][-1]
assert min(gradients["30 tanh, Xavier"]) > 1e5 * gradients["sigmoid"][0]  # size was not the matter

# %% [markdown]
# ## Try it yourself
#
# 1. How many sigmoid layers can be trained without any remedy? Try 2, 3, 4, 5.
# 2. Train the sigmoid network with plain `optim.SGD` at a learning rate of 1,000. Why is a large
#    rate no cure for small gradients?
# 3. Put `nn.LayerNorm(WIDTH)` in the place of batch norm. It normalises each example by itself.
# 4. Make the residual network of sigmoids, or 100 layers deep.
# 5. Give the thirty plain tanh layers a learning rate of 0.003. Who is faster now?
#
# Next: [convolution](16_convolution.py), layers that know what a picture is.
