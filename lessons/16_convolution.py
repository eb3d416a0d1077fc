# %% [markdown]
# # Convolution
#
# To a fully connected layer a picture is a list of numbers: it does not know which pixels are
# neighbours, and what it has learned about a stroke in one place it does not know in any other. You
# will see such a network fail on digits moved by two pixels, write a convolution in four loops,
# find edges with it by hand, and build a small network that does not mind where the digit is.

# %%
import numpy as np

import chainrule as cr
from chainrule import data, draw, layers, nn
from chainrule.errors import ChainruleError
from chainrule.train import evaluate, predict

cr.set_num_threads(1)  # products as small as these gain nothing from a second one
try:
    digits = data.mnist()
    seen, unseen = digits, digits.test
except ChainruleError:
    print("MNIST was not found; we take the smaller digits that come with chainrule.")
    digits = data.digits()
    seen, unseen = digits.split(0.25)


def on_paper(images):
    """Grey values from 0 to 1, with some empty paper around them for digits to move about on."""
    margin = 2 if images.shape[2] == 28 else 4
    return np.pad(images / np.float32(digits.levels), [(0, 0), (0, 0), *[(margin, margin)] * 2])


x, y = on_paper(seen.x[:2500]), seen.y[:2500]
test_x, test_y = on_paper(unseen.x[:500]), unseen.y[:500]
side = x.shape[2]
print(f"{len(x):,} digits of {side} x {side} pixels to learn from, {len(test_x):,} to test with")

# %% [markdown]
# ## Failure: moved by two pixels
#
# First a fully connected network. It reads digits it has never seen quite well. Then we move the
# same digits by two pixels: up, down, left, right.


# %%
def moved(images, down, right):
    return np.roll(images, (down, right), axis=(2, 3))  # only empty paper goes over the edge


moves = {"up": (-2, 0), "down": (2, 0), "left": (0, -2), "right": (0, 2)}


def train(name, *layers, epochs, lr):
    model = nn.Sequential(*layers)
    cr.fit(model, (x, y), epochs=epochs, lr=lr, schedule="onecycle", progress=False)
    accuracy = evaluate(model, (test_x, test_y))["accuracy"]
    after = [evaluate(model, (moved(test_x, *by), test_y))["accuracy"] for by in moves.values()]
    weights = sum(w.numel() for w in model.parameters())
    print(f"{name}: {weights:,} weights, accuracy {accuracy:.1%}, moved {np.mean(after):.1%}")
    return model, accuracy, np.mean(after)


cr.manual_seed(0)
hidden = nn.Linear(side * side, 64)
dense, dense_accuracy, dense_moved = train(
    "fully connected", nn.Flatten(), hidden, nn.ReLU(), nn.Linear(64, 10), epochs=12, lr=0.005
)

# %%
versions = [test_x, *(moved(test_x, *by) for by in moves.values())]
right = np.stack([predict(dense, version).argmax(1) == test_y for version in versions])
which = int(np.argmax(right[0] * (~right).sum(0)))  # read at first, and lost the most often
copies = np.stack([version[which] for version in versions])  # (5, 1, side, side)


def drawn(model, title):
    answers = predict(model, copies).argmax(1)
    captions = [f"{name}: {answer}" for name, answer in zip(["as it was", *moves], answers)]
    return draw.images(copies, captions, wrong=answers != test_y[which], title=title)


drawn(dense, "One digit, moved by two pixels")

# %% [markdown]
# Its weights show why. Each unit has one weight for every place on the paper: a stencil. A stroke
# two pixels further on meets other weights.

# %%
draw.weights(hidden.weight[:12], title="What twelve of the 64 units look for")

# %% [markdown]
# ## Four loops
#
# The repair: take a *small* stencil, a **filter** of 3 x 3 or 5 x 5 weights, and lay it on every
# place of the picture in turn. At each place, multiply each weight with the pixel beneath and add
# up. Two loops go over the places, two over the filter. That is all a convolution is.


# %%
def convolve(image, weights):
    high, wide = weights.shape
    result = np.zeros((image.shape[0] - high + 1, image.shape[1] - wide + 1), image.dtype)
    for row in range(result.shape[0]):
        for column in range(result.shape[1]):
            for i in range(high):
                for j in range(wide):
                    result[row, column] += weights[i, j] * image[row + i, column + j]
    return result


edges = {
    "left edges": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32),
    "upper edges": np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], np.float32),
    "blur": np.full((3, 3), 1 / 9, np.float32),
}
one = copies[:1]
by_loops = [convolve(one[0, 0], weights) for weights in edges.values()]
filters = np.stack(list(edges.values()))[:, None]  # (filters, channels, height, width)
by_library = nn.functional.conv2d(cr.tensor(one), cr.tensor(filters)).numpy()[0]
print(f"four loops against the library: largest difference {abs(by_library - by_loops).max():.0e}")

# %%
draw.weights(by_library, captions=list(edges), title="Through three filters")

# %% [markdown]
# The first filter subtracts the pixels on the left from those on the right: it answers where paper
# turns into ink (red) or ink into paper (blue), and is silent where nothing changes. Nobody has to
# write such filters, though. Their numbers are weights, and weights can be learned.
#
# ## The same weights everywhere
#
# Two things are gained. There are far fewer weights, as all places share them. And a picture that
# moves gives a result that moves along: what is learned in one place is known in all.

# %%
conv = nn.Conv2d(1, 8, 5, padding=2, bias=False)  # a border of zeros keeps the size
shared, full = conv.weight.numel(), (side * side) * (8 * side * side)
print(f"8 filters of 5 x 5: {shared} weights; fully connected to as many outputs: {full:,}")
moves_along = np.abs(predict(conv, moved(one, -2, 2)) - moved(predict(conv, one), -2, 2)).max()
print(f"filter the moved picture, or move the filtered one: difference {moves_along:.0e}")

# %% [markdown]
# ## Pooling
#
# After a filter one mostly wants to know *that* it found something, not to the pixel where. **Max
# pooling** keeps the largest of each 2 x 2 pixels: a quarter of the numbers, and a small move often
# changes nothing.

# %%
patch = cr.tensor([[[[1.0, 5.0, 0.0, 0.0], [3.0, 2.0, 0.0, 4.0]]]])
print(patch[0, 0].tolist(), "→", nn.MaxPool2d(2)(patch)[0, 0].tolist())


# %% [markdown]
# ## A convolutional network
#
# Filters, ReLU, pooling; more filters, which look at the results of the first ones; and a linear
# layer that decides. (The filters have no bias, so that empty paper gives 0 everywhere.)


# %%
def network(last_pool):
    """Two convolutions; `last_pool` is the side of the last pooling windows."""
    cr.manual_seed(0)
    k = 5 if side == 32 else 3
    first = nn.Conv2d(1, 8, k, padding=k // 2, bias=False), nn.ReLU(), nn.MaxPool2d(2)
    second = nn.Conv2d(8, 32, k, padding=k // 2, bias=False), nn.ReLU(), nn.MaxPool2d(last_pool)
    places = (side // 2 // last_pool) ** 2
    return *first, *second, nn.Flatten(), nn.Linear(32 * places, 10)


epochs = 3 if side == 32 else 10
usual, usual_accuracy, usual_moved = train("convolutions", *network(2), epochs=epochs, lr=0.01)

# %% [markdown]
# Fewer weights, fewer mistakes, and it minds the move less. But it still minds: its *last* layer has
# a weight for every place again. So we ask each of the 32 second filters only one thing: how strong
# was your strongest answer, anywhere? One last pooling over the whole picture.

# %%
free, free_accuracy, free_moved = train(
    "pooled over all places", *network(side // 2), epochs=epochs, lr=0.02
)

# %% [markdown]
# Moved digits are now read as well as unmoved ones. The price: it cannot use the place even where
# that would help.

# %%
drawn(free, "One digit, one answer")

# %%
draw.weights(usual[0], title="The eight filters it has learned")

# %% [markdown]
# ## The same, one layer at a time
#
# In `chainrule.layers`, where each layer writes out its own way back, it is the same four lines as
# ever. `chainrule train photos/ --engine layers` trains such a network on a folder of your images.

# %%
X, labels = x[:60].astype(np.float64), y[:60]
net = layers.Net(
    layers=[
        *(layers.Conv2D(1, 8, 5, padding=2, rng=0), layers.ReLU(), layers.MaxPool2D(2)),
        *(layers.Flatten(), layers.Linear(8 * (side // 2) ** 2, 10, rng=1)),
    ],
    loss=layers.CrossEntropyLoss(),
)
losses = []
for _ in range(30):
    out = net(X)
    losses.append(float(net.loss(out, labels)))
    net.backward()
    net.update_weights(lr=0.2)
print(f"layers.Net: loss {losses[0]:.2f} at first, {losses[-1]:.2f} after {len(losses)} steps")

# %% [markdown]
# ## What we found, checked

# %%
assert np.abs(by_library - by_loops).max() < 1e-5
assert moves_along < 1e-5
assert 1000 * shared < full
assert dense_accuracy > 0.85
assert dense_moved < dense_accuracy - 0.2  # lost when the digits move
assert usual_accuracy > 0.93
assert dense_moved + 0.05 < usual_moved < usual_accuracy - 0.05  # better, not well
assert free_accuracy > 0.88
assert free_moved > free_accuracy - 0.03  # does not mind
assert losses[-1] < losses[0] / 2

# %% [markdown]
# ## Try it yourself
#
# 1. Move the digits by five pixels. Who still reads them?
# 2. Turn them by 90 degrees (`np.rot90(test_x, axes=(2, 3))`). A filter does not know that either.
# 3. Train the fully connected network on digits moved about at random. What does that cost?
# 4. Put `nn.AvgPool2d` in the place of the last pooling. Is the mean as good a question as the max?
# 5. Write a filter for strokes that fall to the right, and look at what it finds in a 7 and a 4.
#
# Next: [sequences](17_sequences.py), where what matters is not where but when.
