# %% [markdown]
# # Checking your gradient
#
# A wrong derivative does not crash: it trains, a little worse than it should, and nobody knows why.
# The cure is to compare every rule with a measurement: nudge the input, watch the output. That is
# simple, and there are four ways of doing it that deceive. Here is each of them, and its repair.

# %%
import textwrap

import numpy as np

import chainrule as cr
from chainrule import draw
from chainrule.autograd import gradcheck
from chainrule.errors import GradientError
from chainrule.ops import Op

# %% [markdown]
# ## Deceived by the step
#
# The slope of `f` at `x` is roughly `(f(x + h) - f(x)) / h`. The smaller the step `h` the better,
# surely? Our `f` is `e^x`, whose slope at 1 we know: it is `e`.


# %%
def forward(f, x, h):
    return (f(x + h) - f(x)) / h


def central(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h)


for h in (1e-1, 1e-5, 1e-8, 1e-12, 1e-15):
    print(f"h {h:.0e}: slope {forward(np.exp, 1.0, h):.12f}, wrong by", end=" ")
    print(f"{abs(forward(np.exp, 1.0, h) - np.e):.0e}")

# %% [markdown]
# No. The error shrinks, turns round and grows again: at `h = 1e-15` not even the
# first digit is right. Two errors pull in opposite directions:
#
# - **The line is not the curve.** Over a step `h` the curve bends away by about `h² f''/2`, and the
#   division leaves `h f''/2`. Smaller steps help.
# - **Numbers end after 16 digits.** `f(x + h)` and `f(x)` agree in nearly all of them; what is left
#   after subtracting is noise of about `1e-16`, and dividing by `h` blows it up. Smaller steps hurt.
#
# The **central** difference steps to both sides. The bending cancels, being the same left and
# right, and only `h² f'''/6` is left: a larger step will do, so there is less noise as well. And
# with numbers of 7 digits (float32, in which networks train) five digits of a slope are the best.


# %%
def float32_exp(x):
    return float(np.exp(np.float32(x)))


steps = 10.0 ** np.arange(-15, 0.1, 0.25)
errors = {
    "central, float32": [abs(central(float32_exp, 1.0, h) - np.e) for h in steps],
    "forward": [abs(forward(np.exp, 1.0, h) - np.e) for h in steps],
    "central": [abs(central(np.exp, 1.0, h) - np.e) for h in steps],
}
best = {name: steps[np.argmin(e)] for name, e in errors.items()}
for name, e in errors.items():
    print(f"{name}: best step about {best[name]:.0e}, error {min(e):.0e}")

draw.curves(
    {name: np.stack([np.log10(steps), e], axis=1) for name, e in errors.items()},
    log_y=True,
    title="Neither too large nor too small: the error of a measured slope",
    x_label="step h, as a power of ten",
    y_label="error",
)

# %% [markdown]
# Repair: **central differences, in float64, with a step near `1e-5`**. Good for ten digits.
#
# ## Deceived by the size
#
# How close is close enough? Take two rules, one right in six digits, one wrong by half, and look at
# the plain difference between rule and measurement:


# %%
def relative(rule, measured):
    return abs(rule - measured) / max(abs(rule), abs(measured), 1e-12)


right_but_large = (2_000_000.0, 2_000_001.0)
wrong_but_small = (0.000_003, 0.000_002)
for name, pair in (("right", right_but_large), ("wrong", wrong_but_small)):
    print(f"{name}: differs by {abs(pair[0] - pair[1]):.0e}, relatively {relative(*pair):.0e}")

# %% [markdown]
# By plain difference the wrong rule looks a million times better. Repair: divide by the size. Below
# `1e-6` a rule is right, above `1e-3` it is wrong, and in between, think.
#
# ## Deceived by a kink
#
# `relu(x) = max(x, 0)` has no slope at 0: 0 to its left, 1 to its right. A central difference sees
# half of each and reports 0.5, although every rule in use says 0 (or 1), and is right to.

# %%
relu_slopes = {x: central(lambda x: max(x, 0.0), x, 1e-6) for x in (-0.1, 0.0, 3e-7, 0.1)}
for x, slope in relu_slopes.items():
    print(f"relu measured at {x}: {slope:.2f}")
at_the_kink = cr.tensor([0.0, 0.5], dtype=cr.float64, requires_grad=True)
print("gradcheck at the kink:", gradcheck(cr.relu, at_the_kink, raise_exception=False))

# %% [markdown]
# Even at `3e-7`, beside the kink, the step reaches across it. Repair: **check away from kinks**, at
# points further off than the step, and say in the documentation what your rule gives at the kink.
#
# ## A wrong rule, caught
#
# Now an operation of our own: softsign, `y = x / (1 + |x|)`, a cousin of tanh. Its slope is
# `1 / (1 + |x|)²`. In chainrule an operation is a record: how to compute it, what shape comes out,
# and a rule that turns `g`, the gradient arriving from above, into the gradient of `x`. Somebody
# has forgotten the bars:


# %%
def softsign_of(rule):
    def body(x):
        return x / (1 + np.abs(x))

    return Op("softsign", body, kind="elementwise", shape=lambda shape: shape, vjp=[rule])


forgetful = softsign_of(lambda g, _y, x: g / (1 + x) ** 2)
softsign = softsign_of(lambda g, _y, x: g / (1 + cr.abs(x)) ** 2)

x = cr.tensor([0.3, 1.0, -0.5, 2.0], dtype=cr.float64, requires_grad=True)
try:
    gradcheck(forgetful, x)
except GradientError as error:
    caught = str(error)
print(textwrap.fill(caught, 86))
passes = gradcheck(softsign, x)
print("with the bars:", passes)

# %% [markdown]
# Three of the four numbers were positive, where bars make no difference. Had all four been
# positive, the check would have passed: **try both signs, and more than one size**.
#
# ## Deceived by the bill
#
# A check of every element takes two evaluations each. For a million weights that is two million.
# Instead, walk in one random direction `v`: the function must rise by `g · v`, the sum of each
# gradient times its share of the step. Two evaluations, whatever the size.


# %%
def along(f, x, v, h=1e-5):
    return (f(x + h * v) - f(x - h * v)) / (2 * h)


rng = np.random.default_rng(0)
weights = rng.normal(size=100_000)


def loss(w):
    return np.sum(np.tanh(w) ** 2)


gradient = 2 * np.tanh(weights) * (1 - np.tanh(weights) ** 2)
planted = 77_777
broken = gradient.copy()
broken[planted] += 0.5  # one entry of a hundred thousand

v = rng.normal(size=weights.size)
measured = along(loss, weights, v)
right, wrong = relative(gradient @ v, measured), relative(broken @ v, measured)
print(f"relative difference along v: right gradient {right:.0e}, broken one {wrong:.0e}")

# %% [markdown]
# Two evaluations tell right from wrong. They do not say *where*. But let the direction be zero in
# half of its entries, and only the other half is on trial. So halve, and halve again:

# %%
low, high, evaluations = 0, weights.size, 0
while high - low > 1:
    middle = (low + high) // 2
    half = np.zeros_like(weights)
    half[low:middle] = v[low:middle]
    evaluations += 2
    agrees = abs(along(loss, weights, half) - broken @ half) < 1e-4  # the noise is some 1e-6
    low, high = (middle, high) if agrees else (low, middle)
print(f"entry {low} is wrong by {broken[low] - gradient[low]}, found in {evaluations} evaluations")

# %% [markdown]
# ## A formula that nobody would differentiate by hand
#
# Ten functions drawn by lot, one inside the other, then the mean. There is no rule for the whole, but
# there is one for each part, and the chain rule joins them. The differences are asked whether it did.


# %%
LOT = {
    "square": lambda x: x**2,
    "cube": lambda x: x**3,
    "inverse": lambda x: 1 / x,
    "sqrt": lambda x: x.sqrt(),
    "atanh": lambda x: x.atanh(),
    "log": lambda x: x.log(),
}


def by_lot(rng, x, count=10):
    for name in map(str, rng.permutation(list(LOT))):
        y = LOT[name](x)
        size = abs(y.numpy())  # NaN outside the domain; next to 1, atanh is too steep to measure
        if 1e-4 < size.min() < size.max() < 1e4 and (name != "atanh" or size.max() < 1.8):
            rest = [] if count == 1 else by_lot(rng, y, count - 1)
            if rest is not None:
                return [name, *rest]
    return None  # a dead end: the one before it draws again


def chained(names, x):
    for name in names:
        x = LOT[name](x)
    return x.mean()


x = cr.tensor([0.3, 0.5, 0.6], dtype=cr.float64, requires_grad=True)
chains = [by_lot(np.random.default_rng(seed), x.detach()) for seed in range(20)]
chained(chains[0], x).backward()
print(" of ".join(["mean", *reversed(chains[0])]))
print("has the gradient", x.grad.tolist())
confirmed = [gradcheck(lambda x, names=names: chained(names, x), x) for names in chains]

# %% [markdown]
# ## What we found, checked

# %%
assert errors["forward"][-1] > 1e-1  # too large
assert errors["forward"][0] > 1e-2  # too small
assert 1e-10 < best["forward"] < 1e-6 and 1e-8 < best["central"] < 1e-3
least = {name: min(e) for name, e in errors.items()}
assert 10 * least["central"] < least["forward"] < least["central, float32"] / 10
assert relative(*right_but_large) < 1e-6 < 1e-3 < relative(*wrong_but_small)
assert [round(slope, 2) for slope in relu_slopes.values()] == [0.0, 0.5, 0.65, 1.0]
assert "wrong in 1 of 4 elements, most at element [2]" in caught
assert passes
assert right < 1e-8 < 1e-6 < wrong
assert len(confirmed) == 20 and all(confirmed)
assert low == planted and evaluations <= 2 * np.ceil(np.log2(weights.size))

# %% [markdown]
# ## Try it yourself
#
# 1. Measure the slope of `sin` at 1,000,000. Why is the best step larger there?
# 2. Give the planted error a size of 1e-6. Does a random direction still notice? A hundred of them?
# 3. Write `softplus(x) = log(1 + e^x)` as an operation with its rule and check it, also at 800.
# 4. A neat trick: for functions that accept complex numbers, `imag(f(x + ih)) / h` subtracts
#    nothing. Try it on `np.exp` with `h = 1e-200`.
#
# Next: [napkin mathematics](21_napkin_mathematics.py), how long a step must take, before it is run.
