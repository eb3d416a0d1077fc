# %% [markdown]
# # Numbers and slopes
#
# A network is full of numbers, and it learns by asking of each of them: nudge it a little, and how
# much does the answer change? The reply is called a slope. After this lesson you can measure the
# slope of any function on a computer, you know how small a nudge should be (not as small as you
# would think), and you have seen why a slope knows which way is down.

# %%
import math

from chainrule import draw

# %% [markdown]
# ## Rise over run
#
# Nudge `x` by a little step `h`, see how far the answer rises, and divide: rise over run.


# %%
def slope_by_nudge(f, x, h):
    return (f(x + h) - f(x)) / h


def line(x):
    return 5 * x - 9


for h in (10, 1, 0.1):
    print(f"5x - 9 nudged by {h:>4}: slope {slope_by_nudge(line, 2.0, h):.6f}")

# %% [markdown]
# A straight line climbs 5 for every 1 to the right, wherever you stand and however far you look. The
# slope is the number in front of `x`; the -9 lifts the whole line and has no say in it.
#
# ## Failure: a curve has no single slope
#
# Now a curve, and the same nudges at x = 3.


# %%
def curve(x):
    return 3 * x**2 - 4 * x + 5


for h in (1, 0.1, 0.01, 0.001):
    print(f"3x² - 4x + 5 at 3, nudged by {h:>5}: slope {slope_by_nudge(curve, 3.0, h):.4f}")

# %% [markdown]
# Each nudge gives another answer, because the curve bends away under a long step. But the answers
# run towards something: 17, 14.3, 14.03, 14.003 ... The number they run towards, 14, is the slope
# *at* x = 3, and it is called the **derivative**. In pictures it is the line that just touches the
# curve there: falling at x = -1, level at the bottom, steep at x = 3.

# %%
draw.function(curve, -2.5, 4.5, slopes=(-1.0, 2 / 3, 3.0), title="3x² - 4x + 5")

# %% [markdown]
# ## Failure: smaller is not always better
#
# So we take the smallest nudge we can type?

# %%
errors = {}
for k in range(1, 17):
    h = 10.0**-k
    errors[k] = abs(slope_by_nudge(curve, 3.0, h) - 14)
    print(f"h = 1e-{k:02}   error {errors[k]:.1e}")
best = min(errors, key=errors.get)
print(f"best: h = 1e-{best:02}; at h = 1e-16 the measured slope is {14 - errors[16]:.0f}")

# %% [markdown]
# Down to about 1e-8 each step is ten times better. Then it gets worse, and at 1e-16 the slope is
# *zero*: the computer keeps about 16 digits, so 3 + 1e-16 is 3, and nothing was nudged at all.
# Between the two errors, the bend of the curve (too large an `h`) and the lost digits (too small an
# `h`), lies the best one.
#
# ## Repair: look both ways
#
# Nudge to the right *and* to the left. The bend then cancels, and a larger, safer `h` is enough.


# %%
def slope(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / (2 * h)


one_way = abs(slope_by_nudge(math.exp, 1.0, 1e-5) - math.e)
both_ways = abs(slope(math.exp, 1.0) - math.e)
print(f"slope of e^x at 1, one way: error {one_way:.0e}; both ways: error {both_ways:.0e}")

# %% [markdown]
# ## A function that networks like: tanh
#
# `tanh` squeezes any number into -1 ... 1. (It is (e^x - e^-x) / (e^x + e^-x), and comes with
# Python.) Look at three of its slopes.

# %%
for x in (0.0, 1.0, 3.0):
    by_formula = 1 - math.tanh(x) ** 2
    print(f"tanh({x}) = {math.tanh(x):.4f}   slope {slope(math.tanh, x):.4f} = {by_formula:.4f}")

# %%
draw.function(math.tanh, -4.0, 4.0, slopes=(0.0, 1.0, 3.0))

# %% [markdown]
# In the middle it passes a nudge on almost unchanged (slope 1); far out it hardly lets anything
# through (slope 0.01). We shall meet that again: a network whose numbers sit out there learns
# slowly, because nudging them changes nothing.
#
# The formula 1 - tanh² gives the same slope without any nudging. Such formulas are what the coming
# lessons put together; the nudge remains our way to check them.
#
# ## Several numbers, several slopes
#
# Networks have many numbers. Nudge one, hold the others still, and every one has a slope of its own.


# %%
def d(a, b, c):
    return a * b + c


a, b, c = 2.0, -3.0, 10.0
slopes = {
    "a": slope(lambda v: d(v, b, c), a),
    "b": slope(lambda v: d(a, v, c), b),
    "c": slope(lambda v: d(a, b, v), c),
}
print("d = a·b + c =", d(a, b, c), " slopes:", {k: round(v, 6) for k, v in slopes.items()})

# %% [markdown]
# The slope of `a` is the value of `b`, and the other way round: in a product each factor's nudge is
# multiplied by the other. In a sum every nudge goes straight through: the slope of `c` is 1.
#
# ## What a slope is good for
#
# A slope tells the way down. Stand anywhere on the curve, take a little step *against* its slope,
# and you are lower, whether the slope was positive or negative.

# %%
for x in (3.0, -1.0):
    lower = x - 0.01 * slope(curve, x)
    print(
        f"x = {x:>4}: slope {slope(curve, x):>5.1f}, step to {lower:.2f}, "
        f"from {curve(x):.2f} down to {curve(lower):.2f}"
    )

# %% [markdown]
# ## What we found, checked

# %%
assert all(abs(slope_by_nudge(line, 2.0, h) - 5) < 1e-9 for h in (10, 1, 0.1))
assert abs(slope_by_nudge(curve, 3.0, 1) - 17) < 1e-9  # too long a nudge
assert abs(slope(curve, 3.0) - 14) < 1e-6
assert 6 <= best <= 10  # the best one-sided nudge
assert errors[16] == 14  # too short a nudge finds no slope at all
assert both_ways < one_way / 1000
assert all(abs(slope(math.tanh, x) - (1 - math.tanh(x) ** 2)) < 1e-9 for x in (0.0, 1.0, 3.0))
assert abs(slopes["a"] + 3) < 1e-6
assert abs(slopes["b"] - 2) < 1e-6
assert abs(slopes["c"] - 1) < 1e-6
assert curve(-1.0 - 0.01 * slope(curve, -1.0)) < curve(-1.0)

# %% [markdown]
# ## Try it yourself
#
# 1. Guess the slope of 7x + 100 at x = 55, then measure it.
# 2. Find the `x` at which `curve` is lowest, with nothing but `slope`: it is where the slope is 0.
# 3. Measure the slope of `abs` at 0, one way with h = 1e-5, one way with h = -1e-5, and both ways.
#    Three answers: at a kink there is no slope.
# 4. Where is the slope of `math.sin` equal to 1? To 0? What function do all its slopes make?
# 5. Print the errors of `slope` (both ways) for h from 1e-1 to 1e-12. Which `h` is best now, and how
#    many digits does it give?
#
# Next: [a neuron by hand](02_a_neuron_by_hand.py), a function with four numbers to nudge.
