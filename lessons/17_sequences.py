# %% [markdown]
# # Sequences
#
# A name comes one letter at a time, and which letter may follow depends on all that came before. A
# network that reads needs a memory. You will see what is lost without one, write a recurrent
# network with plain operations on tensors, find out why its gradients fade or explode along the
# way, and let it invent names.

# %%
import numpy as np

import chainrule as cr
from chainrule import data, draw, nn, optim
from chainrule.errors import ChainruleError
from chainrule.nn import functional as F

cr.set_num_threads(1)  # products as small as these gain nothing from a second one
try:
    names = data.text("names").split()
except ChainruleError:
    print("The 32,033 names were not found; we take the few hundred that come with chainrule.")
    names = data.text("small-names").split()
rng = np.random.default_rng(0)
names = [names[i] for i in rng.permutation(len(names))]
held_out = min(len(names) // 10, 1000)  # names that nothing learns from
print(f"{len(names):,} names, for example {', '.join(names[:6])}")

# %% [markdown]
# ## Names as numbers
#
# Every letter gets a number; 0 is the dot that begins and ends a name. Names differ in length, so
# the table is as wide as the longest, and a **mask** says which places count. At each place the
# network sees a letter and has to say the next: `.anna` is to become `anna.`

# %%
letters = [".", *sorted(set("".join(names)))]
longest = max(map(len, names))
table = np.zeros((len(names), longest + 2), np.int64)
for row, name in zip(table, names):
    row[1 : len(name) + 1] = [letters.index(letter) for letter in name]
x, y = table[:, :-1], table[:, 1:]  # (N, T) each
mask = np.arange(longest + 1) <= [[len(name)] for name in names]  # (N, T), the last dot counts too
learn, unseen = slice(held_out, None), slice(0, held_out)
print("sees", x[0].tolist(), "\nsays", y[0].tolist(), "\nmask", mask[0].astype(int).tolist())

# %% [markdown]
# ## Failure: one letter of memory
#
# The simplest model counts: how often does each letter follow each other one? Dividing by the sum
# of a row makes probabilities. The loss is the cross-entropy, the mean of `-ln p` of the letter that
# really came; ln 27 = 3.3 is pure guessing.

# %%
counts = np.ones((len(letters), len(letters)))  # 1, not 0: what was never seen is not impossible
np.add.at(counts, (x[learn][mask[learn]], y[learn][mask[learn]]), 1)
pairs = counts / counts.sum(axis=1, keepdims=True)
pair_loss = -np.log(pairs[x[unseen][mask[unseen]], y[unseen][mask[unseen]]]).mean()
print(f"loss of the letter pairs on names they have not seen: {pair_loss:.3f}")


def invent(probabilities_after, rng):
    """Draw letter after letter until a dot comes."""
    name = [0]
    while len(name) <= longest and (len(name) == 1 or name[-1]):
        name.append(rng.choice(len(letters), p=probabilities_after(name)))
    return "".join(letters[i] for i in name).strip(".")


rng = np.random.default_rng(1)
print("they invent:", ", ".join(invent(lambda name: pairs[name[-1]], rng) for _ in range(8)))

# %% [markdown]
# Every two neighbours fit, and the whole is no name. It does not know how long it has been going on
# nor what came before: after any `n` it says the same.
#
# ## Repair: a state that is carried along
#
# A **recurrent** cell keeps a row of numbers, its state `h`. At every letter it mixes the letter's
# vector `x` with what it remembers, and squeezes: `h ← tanh(x W + h U + b)`. From the state it says
# the next letter. `W`, `U` and `b` are the same at every place, as a filter's are.


# %%
class Recurrent(nn.Module):
    def __init__(self, size, hidden):
        self.vectors = nn.Embedding(size, 16)  # a learned vector for each letter
        self.W = nn.Parameter(cr.randn(16, hidden) / 4)
        self.U = nn.Parameter(cr.randn(hidden, hidden) / hidden**0.5)
        self.b = nn.Parameter(cr.zeros(hidden))
        self.say = nn.Linear(hidden, size)

    def forward(self, x):  # (N, T) whole numbers
        inputs = self.vectors(x) @ self.W + self.b  # (N, T, hidden)
        h, states = cr.zeros(len(x), len(self.b)), []
        for t in range(x.shape[1]):
            h = (inputs[:, t] + h @ self.U).tanh()
            states.append(h)
        return self.say(cr.stack(states, 1))  # (N, T, letters)


def loss_of(model, rows):
    """The mean over the places that count; the others have a target that is passed over."""
    wide = int(mask[rows].any(axis=0).sum())
    targets = np.where(mask[rows], y[rows], -100)[:, :wide]
    scores = model(cr.tensor(x[rows][:, :wide]))
    return F.cross_entropy(scores.transpose(1, 2), cr.tensor(targets), ignore_index=-100)


# %% [markdown]
# ## Slopes through time
#
# The chain rule goes back through every letter, and at each multiplies by `U` (and by tanh's slope).
# That is [lesson 15](15_going_deeper.py) again, with a layer for every letter. How much does the
# state after 30 letters still depend on that of `k` letters before?

# %%
reach = {}
for scale in (0.5, 1.0, 2.0):
    U = cr.randn(64, 64, generator=cr.Generator(0)) * (scale / 64**0.5)
    states = [cr.zeros(1, 64, requires_grad=True)]
    for _ in range(30):
        states.append((states[-1] @ U).tanh())  # at 0 the slope of tanh is 1
    slopes = cr.autograd.grad(states[-1].sum(), states[1:])
    reach[f"U of size {scale}"] = [float(slope.norm()) for slope in reversed(slopes)]
    print(f"U of size {scale}: " + ", ".join(f"{s:.1e}" for s in reach[f"U of size {scale}"][::7]))

# %%
draw.curves(reach, x=range(30), title="Slopes, k letters back", x_label="letters back", log_y=True)

# %% [markdown]
# They fade or they explode. Against fading: begin with a `U` of size 1, as our cell does. Against
# exploding: **clip**. A gradient longer than 1 is made as long as 1, and keeps its direction. After
# a good start that is a belt which hardly ever has to hold; one bad step without it can undo all.

# %%
steps = 1000 if len(names) > 5000 else 200  # few names are learned by heart with more
cr.manual_seed(0)
model = Recurrent(len(letters), 64)
optimizer = optim.Adam(model.parameters(), lr=0.01)
schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
losses, lengths = [], []
rng = np.random.default_rng(0)
for _ in range(steps):
    optimizer.zero_grad()
    loss = loss_of(model, rng.integers(held_out, len(names), 64))
    loss.backward()
    lengths.append(float(nn.utils.clip_grad_norm_(model.parameters(), 1.0)))
    optimizer.step()
    schedule.step()
    losses.append(loss.item())
with cr.no_grad():
    memory_loss = loss_of(model, unseen).item()
print(f"loss on unseen names: letter pairs {pair_loss:.3f}, recurrent {memory_loss:.3f}")
print(f"the longest gradient: {max(lengths):.2f}")

# %%
smooth = np.convolve(losses, np.ones(20) / 20, "valid")
draw.curves(
    {"recurrent": smooth, "letter pairs, unseen": np.full(len(smooth), pair_loss)},
    title="Loss while it learns",
)

# %% [markdown]
# ## Names that nobody has


# %%
def after(name):
    with cr.no_grad():
        scores = model(cr.tensor([name]))[0, -1]
    shares = scores.double().softmax(0).numpy()
    return shares / shares.sum()


rng = np.random.default_rng(1)
invented = [invent(after, rng) for _ in range(20)]
print(", ".join(invented))
print(f"{sum(name not in names for name in invented)} of {len(invented)} are not on the list")

# %% [markdown]
# And has it a memory? Give it two beginnings that end in the same letter. For the letter pairs the
# future is the same.

# %%
beginnings = [[letters.index(letter) for letter in start] for start in (".an", ".christian")]
print(f"{'after':<12}" + "".join(f"{letter:>6}" for letter in ".aeiny"))
for start in beginnings:
    shares = [after(start)[letters.index(letter)] for letter in ".aeiny"]
    print(f"{''.join(letters[i] for i in start):<12}" + "".join(f"{s:6.0%}" for s in shares))

# %% [markdown]
# `chainrule.layers` has the same cell with its way back through time written out:
# `layers.Recurrent(inputs, hidden)`.
#
# ## What we found, checked

# %%
assert (mask.sum(axis=1) == [len(name) + 1 for name in names]).all()
assert pair_loss < np.log(len(letters))
assert reach["U of size 0.5"][-1] < 1e-6
assert reach["U of size 2.0"][-1] > 1e6
assert 0.01 < reach["U of size 1.0"][-1] < 100
assert memory_loss < pair_loss - 0.08  # a memory pays
assert np.abs(after(beginnings[0]) - after(beginnings[1])).max() > 0.05
assert len(set(invented)) > 15
assert any(name not in names for name in invented)

# %% [markdown]
# ## Try it yourself
#
# 1. Begin with a `U` three times as large, once with clipping and once without.
# 2. Sample with `scores * 2` instead of `scores`, and with `scores / 2`. Which names are bolder?
# 3. Give the cell a state of 4 numbers, then of 256. What do loss and time say?
# 4. Make it forget: put `h.detach()` in the place of `h` in the loop. How much memory is left?
# 5. Write a gate: `z = sigmoid(x Wz + h Uz)`, and `h ← z h + (1 - z) tanh(...)`. What is it good for?
#
# Next: [attention](18_attention.py), which looks back instead of remembering.
