# %% [markdown]
# # Attention
#
# A recurrent network carries one state along, and what it did not keep is gone. Attention keeps
# everything and *looks back*: at each place it decides anew which earlier places matter. Out of
# that one idea, used twice, the network behind today's language models is built. You will write it
# by hand, see why it needs a mask and a sense of place, and train a small transformer that writes
# something like Shakespeare.

# %%
import numpy as np

import chainrule as cr
from chainrule import data, nn, optim, picture
from chainrule.errors import ChainruleError
from chainrule.nn import functional as F

cr.set_num_threads(1)  # products as small as these gain nothing from a second one
try:
    text = data.text("shakespeare")
except ChainruleError:
    print("The plays were not found; we take the four sonnets that come with chainrule.")
    text = data.text("sonnets")
letters = sorted(set(text))
V, T = len(letters), 32  # letters to choose from, and how many it sees at once
codes = np.array([letters.index(letter) for letter in text])
read, unseen = np.split(codes, [int(0.9 * len(codes))])
print(f"{len(read):,} letters to read, {len(unseen):,} kept apart, {V} different ones")

# %% [markdown]
# The measure is that of the [last lesson](17_sequences.py): the loss of the next letter, against
# counting letter pairs.

# %%
counts = np.ones((V, V))
np.add.at(counts, (read[:-1], read[1:]), 1)
pairs = counts / counts.sum(axis=1, keepdims=True)
pair_losses = [-np.log(pairs[part[:-1], part[1:]]).mean() for part in (read, unseen)]


def loss_of(model, part, n, rng):
    """On `n` stretches of T letters, drawn at random; for each letter the next is to be said."""
    places = rng.integers(0, len(part) - T, n)[:, None] + np.arange(T + 1)
    stretches = cr.tensor(part[places])  # (n, T + 1)
    return F.cross_entropy(model(stretches[:, :-1]).transpose(1, 2), stretches[:, 1:])


def train(model, steps, lr=0.01):
    optimizer, rng = optim.AdamW(model.parameters(), lr=lr), np.random.default_rng(0)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, lr, steps, cycle_momentum=False)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(model, read, 32, rng).backward()
        optimizer.step()
        schedule.step()
    with cr.no_grad():
        return [loss_of(model, part, 200, rng).item() for part in (read, unseen)]


# %% [markdown]
# ## Failure: the average of the past
#
# How can all earlier letters have a say? The simplest way: give each letter a vector, take the mean
# of the vectors so far, and guess from that. As a matrix: row `t` has the weight `1/t` for the `t`
# letters up to here, and 0 for those to come.


# %%
def past(t):
    return np.tril(np.ones((t, t), np.float32))  # 1 for what may be seen, 0 for the future


class Average(nn.Module):
    def __init__(self, width=32):
        self.vectors, self.say = nn.Embedding(V, width), nn.Linear(width, V)

    def forward(self, x):
        weights = past(x.shape[1]) / past(x.shape[1]).sum(axis=1, keepdims=True)  # (T, T)
        return self.say(cr.tensor(weights) @ self.vectors(x))


cr.manual_seed(0)
average_losses = train(Average(), 200)
print(f"loss on what was read: pairs {pair_losses[0]:.2f}, average {average_losses[0]:.2f}")

# %% [markdown]
# Looking at *everything* it does worse than the pairs, which look at one letter. In an average of
# twenty letters no single one can be made out, and which stood where is lost.
#
# ## Repair: weights that are computed
#
# So let the weights depend on what is there. Every place makes three vectors out of its own:
#
# - a **query** `q`, what I am looking for,
# - a **key** `k`, what I have to offer,
# - a **value** `v`, what I hand over.
#
# Place `t` compares its query with every key: the dot product `q · k` is large where they match.
# Divided by `√d` (`d` numbers in a key; else the sums would grow with `d`) and sent through softmax,
# these become weights that add up to 1, and `t` gets the mean of the values, *with these weights*:
#
# > **softmax(Q Kᵀ / √d) V**


# %%
def attention(Q, K, V):
    return F.softmax(Q @ K.T / np.sqrt(K.shape[1]), 1) @ V


def attention_by_loops(Q, K, V):
    result = []
    for q in Q:
        weights = [np.exp(sum(a * b for a, b in zip(q, k)) / len(k) ** 0.5) for k in K]
        result.append(sum(weight * v for weight, v in zip(weights, V)) / sum(weights))
    return np.array(result)


rng = np.random.default_rng(0)
x, Wq, Wk, Wv = rng.normal(size=(6, 4)), *rng.normal(size=(3, 4, 4))  # six places, vectors of four
made = attention(x @ Wq, x @ Wk, x @ Wv)
difference = np.abs(made - attention_by_loops(x @ Wq, x @ Wk, x @ Wv)).max()
print(f"six places at once against two loops: difference {difference:.0e}")

# %% [markdown]
# ## Failure: it does not know the order
#
# Shuffle the places, and the answers are shuffled alike: *dog bites man* is *man bites dog*. No
# place knows where it stands. Repair: add to each vector another one that stands for its position.


# %%
def change_by_shuffling(position):
    order = np.array([2, 0, 1, 5, 4, 3])
    inputs = x + position, x[order] + position
    first, shuffled = (attention(h @ Wq, h @ Wk, h @ Wv) for h in inputs)
    return np.abs(shuffled - first[order]).max()


without, added = change_by_shuffling(np.zeros((6, 4))), change_by_shuffling(rng.normal(size=(6, 4)))
print(f"shuffling changes the answers by {without:.0e}, and with positions by {added:.1f}")

# %% [markdown]
# ## A transformer
#
# One thing is still missing: nobody may look at the letters that are to be guessed. The **mask**
# sets the scores of the future to -∞, of which softmax makes 0.
#
# A block is attention, to gather from other places, and a small network, to think about it at each
# place alone; both are residual (they add to what is there) and get their numbers at a common scale
# from a LayerNorm. Two blocks, letters in, letters out: that is a transformer.


# %%
class Attention(nn.Module):
    def __init__(self, width):
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x):  # (N, T, width)
        scores = self.query(x) @ self.key(x).mT / x.shape[2] ** 0.5  # (N, T, T)
        weights = scores.masked_fill(past(x.shape[1]) == 0, -np.inf).softmax(-1)
        self.seen = weights.detach().numpy()  # to look at later
        return self.out(weights @ self.value(x))


class Block(nn.Module):
    def __init__(self, width):
        self.attend = nn.Sequential(nn.LayerNorm(width), Attention(width))
        inner = nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width)
        self.think = nn.Sequential(nn.LayerNorm(width), *inner)

    def forward(self, x):
        x = x + self.attend(x)
        return x + self.think(x)


class Transformer(nn.Module):
    def __init__(self, width=32, blocks=2):
        self.vectors, self.places = nn.Embedding(V, width), nn.Embedding(T, width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(blocks)))
        self.say = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, V))

    def forward(self, x):  # (N, T) whole numbers
        h = self.vectors(x) + self.places(cr.arange(x.shape[1]))  # (N, T, width)
        return self.say(self.blocks(h))  # (N, T, V)


cr.manual_seed(0)
model = Transformer()
two = cr.tensor(np.stack([read[:T], [*read[: T - 1], 0]]))  # they differ in the last letter only
early = model(two).detach().numpy()[:, :-1]
transformer_losses = train(model, 550 if len(text) > 100_000 else 150)
print(f"{'loss':<14} {'on what it read':>16} {'on unseen text':>16}")
rows = {"letter pairs": pair_losses, "average": average_losses, "transformer": transformer_losses}
for name, losses in rows.items():
    print(f"{name:<14} {losses[0]:>16.3f} {losses[1]:>16.3f}")

# %% [markdown]
# ## Where does it look?
#
# Each row is a letter of the line below, from top to bottom; each column a letter it may look at.
# The upper right is the future.

# %%
model(cr.tensor(unseen[None, :T]))
seen = np.stack([block.attend[1].seen[0] for block in model.blocks])  # (blocks, T, T)
print(repr(line := "".join(letters[i] for i in unseen[:T])))
for number, row in enumerate(seen[:, -1], start=1):
    looks = [f"{row[s]:.0%} at {line[s]!r} {T - 1 - s} back" for s in np.argsort(-row)[:4]]
    print(f"block {number}, from the last letter:", ", ".join(looks))

# %%
picture.tile_chart(picture.diverging(seen), ["block 1", "block 2"], side=280, title="Looking back")

# %% [markdown]
# On the plays the first block has found out by itself what one would most like to know: most of its
# places look at the letter just before. The second one looks further, and each place in its own way.
#
# ## Let it write
#
# One letter at a time, drawn by its probabilities, each put behind the rest and read again.

# %%
rng, written = np.random.default_rng(1), list(unseen[:T])
with cr.no_grad():
    for _ in range(200):
        shares = model(cr.tensor([written[-T:]]))[0, -1].double().softmax(0).numpy()
        written.append(int(rng.choice(V, p=shares / shares.sum())))
print("".join(letters[i] for i in written[T:]))

# %% [markdown]
# ## What we found, checked

# %%
assert difference < 1e-12
assert without < 1e-12 < 0.1 < added  # blind to the order, until positions are added
assert (early[0] == early[1]).all()  # nobody sees the future
assert average_losses[0] > pair_losses[0] + 0.1
assert transformer_losses[0] < pair_losses[0] - 0.15
assert transformer_losses[1] < pair_losses[1] - 0.05
assert len(set(written[T:])) > 10

# %% [markdown]
# ## Try it yourself
#
# 1. Take away the positions, `self.places`. What does the loss say?
# 2. Set the scores to `0 * scores`: averages again, but inside a transformer. Who is to blame now?
# 3. Several heads: split query, key and value into four parts of 8 numbers, let each part attend by
#    itself, and join the results.
# 4. Train for a minute instead of seconds, with a width of 64 and 64 letters at once.
# 5. Draw with `shares**2` (made to add up to 1 again). Is it wiser, or only more boring?
#
# Next: [second derivatives](19_second_derivatives.py), the slope of the slope.
