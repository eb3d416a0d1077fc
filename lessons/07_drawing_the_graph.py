# %% [markdown]
# # Drawing the graph
#
# A picture of a computation shows at a glance what a page of printed numbers hides: what was made of
# what, who was used twice, and which number is to blame. After this lesson you can draw any
# expression, read the drawing, and look inside a network of tensors one number at a time.

# %%
import tempfile
import textwrap
from pathlib import Path

import chainrule as cr
from chainrule import draw, nn
from chainrule.errors import ChainruleError
from chainrule.scalar import Value

# %% [markdown]
# ## Failure: the right answer and the wrong slope
#
# Two people compute the square of 3. One multiplies a number by itself, the other writes 3 twice.

# %%
x = Value(3.0, "x")
square = x * x
square.backward()

y = Value(3.0, "y")
lookalike = y * Value(3.0)
lookalike.backward()
print("printed:", square, "and", lookalike)
print("slope by x:", x.grad, " slope by y:", y.grad)

# %% [markdown]
# The answers look alike to the last digit. One slope is 6, as it should be for `x²` at 3; the other
# is 3. Why? Numbers do not say where they came from. A drawing does.

# %%
draw(square)

# %%
draw(lookalike)

# %% [markdown]
# In the first, *two arrows leave the same number*: both bring a gradient of 3 back to it. In the
# second a number without a name stands in the place of the other factor, and takes half of the
# gradient away with it. Nothing was wrong with the slopes. The expression was not what its author
# had in mind.
#
# ## Reading a drawing
#
# Here is the formula of the last lesson, with a label on each number, in the order of time: what was
# there first stands at the left.

# %%
a, b, c, f = Value(2, "a"), Value(-3, "b"), Value(10, "c"), Value(-2, "f")
e = a * b
d = e + c
L = d * f
e.label, d.label, L.label = "e", "d", "L"
draw(L)

# %% [markdown]
# - **A box is a number**: its label, its `data`, and its `grad`, the slope of the final answer by it.
#   Nothing has gone backward yet, so every `grad` is 0.
# - **A sign is an operation.** It holds no number. It stands between the numbers that went in and the
#   one that came out; arrows go the way of the computation, and their order is the order in which
#   it was written (`a - b` is not `b - a`).
# - Gradients travel against the arrows. At each sign they are multiplied by its *local slopes*: 1 and
#   1 at a plus; at a times, each factor gets the other one.

# %%
L.backward()
print("local slopes at the last times:", L.slopes, "which are f and d")
draw(L)

# %% [markdown]
# Now the slopes can be read along the arrows. `L` by itself is 1. The times gives `d` what `f` is,
# -2. The plus passes -2 on to both `e` and `c`. And the first times gives `a` the gradient -2 times
# what `b` is: 6.
#
# ## A neuron
#
# The neuron from the last lesson, on one sheet. Look for the zero: `x2` is 0, so `w2` gets nothing.


# %%
def weighted():
    x1, x2, w1, w2 = Value(2, "x1"), Value(0, "x2"), Value(-3, "w1"), Value(1, "w2")
    n = x1 * w1 + x2 * w2 + Value(6, "b")
    n.label = "n"
    return n, (x1, w1, x2, w2)


n, inputs = weighted()
o = n.tanh()
o.label = "o"
o.backward()
slopes = [x.grad for x in inputs]
print("output", o.data, "slopes of x1, w1, x2, w2:", slopes)
draw(o)

# %% [markdown]
# How large is an operation? That is for us to say. `tanh` is one sign here, because its slope is
# known; but it may be written with smaller ones, `(e^2n - 1) / (e^2n + 1)`. The drawing grows, the
# slopes at the left do not change. All that matters to a gradient is the number that passes.

# %%
n, inputs = weighted()
power = (2 * n).exp()
in_pieces = (power - 1) / (power + 1)
in_pieces.backward()
slopes_in_pieces = [x.grad for x in inputs]
print("in pieces:", [round(s, 12) for s in slopes_in_pieces])
draw(in_pieces)

# %% [markdown]
# ## Keep it
#
# A drawing is saved by the ending of its name: `.svg` for a page, `.png` for anywhere, `.pdf` for
# print, and `.dot` for the graph as text, which other programs can read.

# %%
with tempfile.TemporaryDirectory() as folder:
    for name in ("neuron.svg", "neuron.dot"):
        draw(o).save(Path(folder, name))
    saved = {path.name: path.read_text() for path in sorted(Path(folder).iterdir())}
for name, text in saved.items():
    print(f"{name}: {len(text):,} characters, beginning with {text[:36]!r}")

# %% [markdown]
# ## Networks of tensors
#
# Networks in use do not compute with single numbers but with arrays (tensors): hundreds of numbers in
# one operation. Drawn as such, a network is a short row of layers, with the shapes that pass.

# %%
network = nn.Sequential(
    nn.Linear(2, 3, generator=cr.Generator(0)),
    nn.Tanh(),
    nn.Linear(3, 1, generator=cr.Generator(1)),
)
example = cr.tensor([[0.5, -1.0]])
draw(network, example)

# %% [markdown]
# But below there is nothing else than the numbers of this lesson. `scalars=True` sends single numbers
# through the same network and draws what becomes of them. Every weight is a box: `0.w01` is a weight
# of the first layer, from input 1 to neuron 0, and you can follow it to the answer.

# %%
lowered = draw(network, example, scalars=True)
answer = dict(lowered.graph.nodes[-1].rows)["data"]
print(f"{lowered}; at its end {answer}, and the network says {network(example).item():.4g}")
lowered

# %% [markdown]
# A picture of everything is a picture of nothing. A network that reads images multiplies eighty
# thousand times for each of them. Asked to draw *that* number by number, the library declines:

# %%
large = nn.Sequential(nn.Linear(784, 100, generator=cr.Generator(0)), nn.ReLU())
try:
    draw(large, cr.zeros(1, 784), scalars=True)
except ChainruleError as error:
    refused = str(error)
print(textwrap.fill(f"Refused: {refused}", 86))

# %% [markdown]
# ## What we found, checked

# %%
assert square.data == lookalike.data == 9
assert (x.grad, y.grad) == (6, 3)
assert L.data == -8 and [v.grad for v in (a, b, c, f)] == [6, -4, -2, 4]
assert L.slopes == (f.data, d.data)
assert o.data == 0 and slopes == [-3, 2, 1, 0]
assert all(abs(p - q) < 1e-12 for p, q in zip(slopes_in_pieces, slopes))
assert saved["neuron.svg"].startswith("<svg") and saved["neuron.dot"].startswith("digraph")
assert all(label in saved["neuron.svg"] for label in ("x1", "w1", "x2", "w2", "tanh"))
assert abs(float(answer) - network(example).item()) < 1e-3
assert "scalars" in refused

# %% [markdown]
# ## Try it yourself
#
# 1. Draw `a * b + a`. Which arrows leave `a`, what does each of them bring back, and is `a.grad`
#    their sum?
# 2. Draw `(a - b) * (b - a)`. Before `backward`, guess every gradient.
# 3. Draw a whole `MLP(2, [3, 1])` from `chainrule.scalar`, called on two numbers. How many boxes have
#    two or more arrows leaving them?
# 4. In the last drawing every `grad` is 0. Make Values of the network with
#    `chainrule.convert.to_scalar(network)`, call the result on `[0.5, -1.0]`, go backward, draw.
# 5. Save a drawing as `neuron.dot`, open it in an editor, and change a label.
#
# Next: [neurons, layers, a network](08_neurons_layers_mlp.py), drawn here and trained there.
