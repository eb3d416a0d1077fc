# %% [markdown]
# # Overstepping, and the wrong valley
#
# Gradient descent can go wrong in two ways: the steps are too long and throw it out, or it comes to
# rest in a valley that is not the deepest. After this lesson you can say before a training begins at
# which learning rate it will explode, and you know what can be done about the wrong valley.

# %%
import numpy as np

from chainrule import draw


# %%
def slope(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / (2 * h)


def descend(f, x, rate, steps):
    path = [x]
    for _ in range(steps):
        path.append(path[-1] - rate * slope(f, path[-1]))
    return path


def bowl(x):
    return x**2


# %% [markdown]
# ## Failure: a learning rate that oversteps
#
# The lowest point of x² is at 0. We start at 1 and hurry: learning rate 1.1.

# %%
oversteps = descend(bowl, 1.0, 1.1, 8)
print("learning rate 1.1:", [round(x, 2) for x in oversteps])

# %%
draw.descent(bowl, oversteps, -5, 5, title="Learning rate 1.1: thrown out")

# %% [markdown]
# Each step crosses the bottom and ends *higher up* on the other side, where it is steeper still, so
# that the next step is longer. In a real training the loss then grows until it is `nan`.
#
# ## Repair: a learning rate that lands
#
# The slope of x² is 2x, so a step leads from x to x - rate · 2x = (1 - 2 · rate) x. Each step multiplies
# the distance by the same number, and that number tells everything.

# %%
for rate in (0.1, 0.5, 0.9, 1.0, 1.1):
    end = abs(descend(bowl, 1.0, rate, 8)[-1])
    print(f"rate {rate}: each step multiplies by {1 - 2 * rate:>4.1f}; 8 steps on, {end:.3f} away")

# %%
lands = descend(bowl, 4.0, 0.1, 20)
draw.descent(bowl, lands, -5, 5, title="Learning rate 0.1: lands")

# %% [markdown]
# 0.1 walks down patiently. 0.5 is there in one step. 0.9 swings from side to side and still comes to
# rest. 1.0 swings for ever, 1.1 is thrown out. So between landing and exploding there is a limit, and
# it depends on how strongly the curve bends.
#
# ## The limit, foretold
#
# How fast the slope itself changes is called **curvature** (2 for x²). The distance is multiplied by
# 1 - rate · curvature, and that is between -1 and 1 as long as
#
#     learning rate  <  2 / curvature
#
# Does that hold for our neuron from [lesson 3](03_learning_an_average.py)? Its loss bends most in the
# direction in which all four weights grow together. We measure that, foretell the limit, and only then
# train.

# %%
rng = np.random.default_rng(0)
rectangles = rng.random((1000, 4)).round(1)  # (examples, cells)
targets = rectangles.mean(axis=1)


def train(rate, epochs=200):
    weights, losses = np.array([0.98, 0.4, 0.86, -0.08]), []
    for _ in range(epochs):
        errors = rectangles @ weights - targets
        losses.append(float(np.mean(errors**2)))
        weights = weights - rate * 2 * rectangles.T @ errors / len(errors)
    return losses


def together(step):
    weights = 0.25 + step * np.array([0.5, 0.5, 0.5, 0.5])  # a direction of length 1
    return np.mean((rectangles @ weights - targets) ** 2)


curvature = slope(lambda x: slope(together, x, 1e-3), 0.0, 1e-3)
limit = 2 / curvature
print(f"curvature {curvature:.3f}, so the limit is foretold at {limit:.3f}")
runs = {share: train(share * limit) for share in (0.98, 1.02)}
for share, losses in runs.items():
    print(f"learning rate {share * limit:.3f}: loss {losses[0]:.2f} -> {losses[-1]:.2g}")

# %% [markdown]
# Two per cent below the limit it learns, two per cent above it explodes.

# %%
draw.curves(
    {f"rate {share * limit:.2f}": losses[:60] for share, losses in runs.items()},
    title="The loss just below the limit, and just above",
    x_label="epoch",
    log_y=True,
)

# %% [markdown]
# ## Failure: the local valley
#
# The loss of a single neuron is one bowl. The landscape of a network has many valleys, as this curve
# has two.


# %%
def two_valleys(x):
    return x**4 - 3 * x**2 + x


to_local = descend(two_valleys, 2.0, 0.02, 100)
to_global = descend(two_valleys, -2.0, 0.02, 100)
for name, walk in (("from  2", to_local), ("from -2", to_global)):
    print(f"{name}: comes to rest at {walk[-1]:>6.3f}, height {two_valleys(walk[-1]):>6.3f}")

# %%
draw.descent(two_valleys, to_local, -2.2, 2.2, title="From 2: the local valley")

# %%
draw.descent(two_valleys, to_global, -2.2, 2.2, title="From -2: the global valley")

# %% [markdown]
# The same curve, the same steps; the start alone decides. The right-hand valley is a **local**
# minimum: every little step from there leads up, and gradient descent, which feels nothing but the
# slope under its feet, cannot know that there is a **global** one, much deeper, behind the hill.
#
# Which starts lead where? -2 leads to the deep valley and 2 to the other; halve the stretch between
# them until the watershed is found.

# %%
left, right = -2.0, 2.0
for _ in range(20):
    middle = (left + right) / 2
    if descend(two_valleys, middle, 0.02, 300)[-1] < 0:
        left = middle
    else:
        right = middle
print(f"the watershed is at {left:.3f}; the slope there: {abs(slope(two_valleys, left)):.3f}")

# %% [markdown]
# It is the top of the hill, where the ground is level. Nearly half of all starts go wrong.

# %% [markdown]
# ## Repair: three ways out
#
# **Try several starts** and keep the lowest. Dice are good for this much.

# %%
tries = [descend(two_valleys, x, 0.02, 100)[-1] for x in rng.uniform(-2, 2, 5)]
best = min(tries, key=two_valleys)
print("five random starts end at", [round(float(x), 2) for x in tries], f"; keep {best:.3f}")

# %% [markdown]
# **Begin with long steps, end with short ones.** A long step from high up flies over the local valley
# altogether; the short ones then settle in whatever lies below. So an overstep can be a help.

# %%
thrown = descend(two_valleys, 2.0, 0.12, 4)
settled = thrown + descend(two_valleys, thrown[-1], 0.02, 100)[1:]
print("long steps first:", [round(x, 2) for x in thrown], f"... then short ones: {settled[-1]:.3f}")

# %%
draw.descent(two_valleys, settled, -2.2, 2.2, title="Long steps first, then short ones")

# %% [markdown]
# **Roll, do not walk.** A ball that keeps nine tenths of its speed
# ([lesson 4](04_descent_in_pictures.py)) is carried over the hill.

# %%
x, speed, rolled = 2.0, 0.0, [2.0]
for _ in range(200):
    speed = 0.9 * speed - 0.02 * slope(two_valleys, x)
    x += speed
    rolled.append(x)
print(f"the ball comes to rest at {x:.3f}")

# %%
draw.curves({"walks": to_local + [to_local[-1]] * 100, "rolls": rolled}, title="x after each step")

# %% [markdown]
# None of the three is sure to work. But in large networks it matters less than one would think: with
# thousands of weights there is nearly always *some* direction that still leads down.
#
# ## What we found, checked

# %%
assert all(abs(b) > abs(a) for a, b in zip(oversteps, oversteps[1:]))
assert abs(descend(bowl, 1.0, 0.5, 1)[-1]) < 1e-9  # lands in one step
assert abs(lands[-1]) < 0.1
assert runs[0.98][-1] < 0.001 * runs[0.98][0]
assert runs[1.02][-1] > 100 * runs[1.02][0]
assert abs(to_local[-1] - 1.131) < 0.01
assert abs(to_global[-1] + 1.301) < 0.01
assert two_valleys(to_global[-1]) < two_valleys(to_local[-1]) - 2
assert abs(slope(two_valleys, left)) < 1e-3
assert abs(left - 0.170) < 0.001
assert abs(best - to_global[-1]) < 0.01
assert abs(settled[-1] - to_global[-1]) < 0.01
assert abs(rolled[-1] - to_global[-1]) < 0.01

# %% [markdown]
# ## Try it yourself
#
# 1. The curvature of x² is 2. What is the limit for 5x²? Foretell it, then try on both sides of it.
# 2. Start exactly on the top of the hill, where the slope is 0. What happens, and what does the
#    smallest nudge change?
# 3. Which learning rates fly over the local valley from 2? And from 1.2? What happens above them?
# 4. Let the ball keep 0.5 of its speed, then 0.97. Does it always end in the deep valley?
# 5. Draw the rectangles' cells between -0.5 and 0.5 rather than 0 and 1. How far can the learning rate
#    go now? ([Lesson 9](09_from_scalars_to_arrays.py) makes use of it.)
#
# Next: [automatic differentiation](06_automatic_differentiation.py), slopes without nudging.
