# %% [markdown]
# # Gradient descent in pictures
#
# Training is walking downhill in fog: all you can feel is the slope under your feet. After this
# lesson you have seen such walks, on a curve and on a landscape, you know why the step should shrink
# with the slope, and why a ball rolls through a long valley better than a hiker walks through it.

# %%
import numpy as np

from chainrule import draw

# %% [markdown]
# ## One number
#
# Here is a valley with its bottom at x = 3. We start at x = -2, can ask for the slope at the place
# where we stand, and want to get to the bottom.


# %%
def valley(x):
    return 0.5 * (x - 3) ** 2 + 1


def slope(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / (2 * h)


# %% [markdown]
# ## Failure: steps of one length
#
# The sign of the slope says which way is down: to the left where it is positive, to the right where
# it is negative. So take steps of 0.7 that way.

# %%
fixed = [-2.0]
for _ in range(20):
    direction = -np.sign(slope(valley, fixed[-1]))
    fixed.append(fixed[-1] + 0.7 * direction)
print("the last six places:", [round(float(x), 2) for x in fixed[-6:]])

# %% [markdown]
# We arrive quickly, and then hop to and fro across the bottom for ever: the steps do not know that we
# are near. Shorter steps would hop less, but take long to get there.
#
# ## Repair: a step as long as the slope says
#
# Far up it is steep, near the bottom almost flat. So let the slope decide about the length as well:
#
#     step = - learning rate · slope
#
# This is **gradient descent**, whole. The learning rate says how many units to walk per unit of slope.

# %%
path = [-2.0]
for _ in range(20):
    path.append(path[-1] - 0.3 * slope(valley, path[-1]))
for n in (0, 1, 2, 3, 10, 20):
    s = slope(valley, path[n])
    print(f"step {n:>2}: x = {path[n]:>6.3f}, slope {s:>6.3f}, next step {-0.3 * s:>6.3f}")

# %%
draw.descent(valley, path, -3, 7, title="Steps as long as the slope says")

# %% [markdown]
# Big strides where it is steep, small ones near the bottom, and it comes to rest by itself: where the
# slope is 0 the step is 0. Every step covers three tenths of the way that is left, so the rest shrinks
# by the factor 0.7 each time.
#
# ## Two numbers: a landscape
#
# With two numbers the loss is a landscape, drawn like a map with contour lines. At every place there
# are two slopes, one for going east (x), one for going north (y). The pair of them is called the
# **gradient**. Take two weights of the neuron that learns [an average](03_learning_an_average.py),
# and leave the other two at a quarter:

# %%
rng = np.random.default_rng(0)
rectangles = rng.random((1000, 4)).round(1)
targets = rectangles.mean(axis=1)


def loss(w1, w2):
    answers = w1 * rectangles[:, 0] + w2 * rectangles[:, 1] + 0.25 * rectangles[:, 2:].sum(axis=1)
    return float(np.mean((answers - targets) ** 2))


def gradient(f, x, y):
    return np.array([slope(lambda v: f(v, y), x), slope(lambda v: f(x, v), y)])


def descend(f, start, rate, steps):
    points = [np.array(start)]
    for _ in range(steps):
        points.append(points[-1] - rate * gradient(f, *points[-1]))
    return np.array(points)


hike = descend(loss, (0.98, -0.6), rate=0.5, steps=60)
for n in (0, 5, 20, 60):
    print(f"step {n:>2}: weights {hike[n].round(3)}, loss {loss(*hike[n]):.6f}")

# %%
draw.surface(
    loss, hike, (-0.8, 1.2), (-0.8, 1.2), title="Loss by two weights", x_label="w1", y_label="w2"
)

# %% [markdown]
# The lowest point of the landscape is at (0.25, 0.25): there the neuron takes the average. The path
# leaves every contour line at a right angle. It must: along a contour line the height does not
# change, so all of the slope is across it.

# %%
here = np.array([0.98, -0.6])
g = gradient(loss, *here)
along = np.array([-g[1], g[0]]) / np.linalg.norm(g)  # a quarter turn from the gradient
downhill = -g / np.linalg.norm(g)
for name, way in (("along the contour", along), ("against the gradient", downhill)):
    there = here + 0.001 * way
    print(f"0.001 {name:>20}: the loss changes by {loss(*there) - loss(*here):+.6f}")

# %% [markdown]
# ## Failure: the long valley
#
# Most landscapes of networks are like a gorge: steep walls on both sides, and a floor that falls
# gently. This one is a hundred times steeper across (y) than along (x).


# %%
def gorge(x, y):
    return 0.5 * x**2 + 50 * y**2


start = (-9.0, 1.0)
hiker = descend(gorge, start, rate=0.018, steps=100)
print(f"the hiker after 100 steps: {hiker[-1].round(3)}, height {gorge(*hiker[-1]):.3f}")

# %% [markdown]
# The hiker hops from wall to wall, for the walls are what they feel, and then creeps along the floor,
# which hardly slopes. Longer strides would throw them out of the gorge (the
# [next lesson](05_overstepping_and_valleys.py) shows it); shorter ones make it slower still.
#
# ## Repair: the rolling ball
#
# A ball in the same gorge does better, because it has *momentum*: it keeps most of its speed from one
# moment to the next, and the slope only adds to it. Pushes from left and right cancel out; the gentle
# push along the floor, always the same way, builds up.
#
#     speed  <-  0.8 · speed  -  learning rate · gradient
#     place  <-  place  +  speed

# %%
place, speed = np.array(start), np.zeros(2)
ball = [place]
for _ in range(100):
    speed = 0.8 * speed - 0.018 * gradient(gorge, *place)
    place = place + speed
    ball.append(place)
ball = np.array(ball)
print(f"the ball after 100 steps:  {ball[-1].round(3)}, height {gorge(*ball[-1]):.6f}")

# %%
draw.surface(gorge, {"hiker": hiker, "ball": ball}, (-10, 3), (-2, 2), title="Through the gorge")

# %% [markdown]
# Where the hiker's height stalls, the ball's keeps falling. [Lesson 13](13_optimisers.py) comes back
# to the ball, and to two further ways through the gorge.

# %%
draw.curves(
    {"hiker": [gorge(*p) for p in hiker], "ball": [gorge(*p) for p in ball]},
    title="Height after each step",
    log_y=True,
)

# %% [markdown]
# ## What we found, checked

# %%
assert all(abs(x - 3) > 0.05 for x in fixed[-6:])  # hops across the bottom for ever
assert abs(fixed[-1] - fixed[-3]) < 1e-9
assert abs(path[-1] - 3) < 0.01
assert all(abs((b - 3) / (a - 3) - 0.7) < 1e-3 for a, b in zip(path, path[1:]))
assert np.allclose(hike[-1], 0.25, atol=0.01)
assert abs(loss(*(here + 0.001 * along)) - loss(*here)) < 1e-5
assert loss(*(here + 0.001 * downhill)) < loss(*here) - 1e-4
assert gorge(*hiker[-1]) > 1
assert gorge(*ball[-1]) < 0.01

# %% [markdown]
# ## Try it yourself
#
# 1. Start the first walk at x = 50. How many steps more does it take, and why so few?
# 2. Give the hiker of the gorge a learning rate of 0.02, then 0.021. (Lesson 5 explains.)
# 3. Let the ball keep 0.5, 0.95, 0.99 of its speed. Which of them is there first, and which circles
#    around the goal?
# 4. Turn the gorge by 45 degrees: `0.5 * (x + y)**2 + 50 * (x - y)**2`. Do hiker and ball mind?
# 5. Make the landscape of the two weights for rectangles whose first two cells are always alike.
#    Where is its bottom now?
#
# Next: [overstepping, and valleys that are not the deepest](05_overstepping_and_valleys.py).
