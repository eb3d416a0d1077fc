# %% [markdown]
# # A neuron by hand
#
# The smallest network there is has one neuron, and you can compute it on a napkin. It looks at a grey
# picture of four cells and answers with one number. After this lesson you know what it computes, how
# to say in one number how wrong it is, and which of its four weights is to blame.

# %%
from chainrule import draw

# %% [markdown]
# ## A picture is a list of numbers
#
# Take a rectangle of 2x2 cells and write down how dark each cell is: 0 is white, 1 is black. Row by
# row, that makes four numbers. The question to the neuron: *how grey is it on the whole?* The right
# answer is the average.

# %%
rectangle = [0.2, 0.5, 0.4, 0.7]
target = sum(rectangle) / 4
print(f"{rectangle} is {target} grey")

# %%
ink = [[0.0] * 4, rectangle, [1.0] * 4]
draw.images(
    [[1 - x for x in cells] for cells in ink],  # on a screen 1 is white
    captions=["white: 0", f"ours: {target}", "black: 1"],
    title="How grey they are",
)

# %% [markdown]
# ## The neuron
#
# A neuron has a number for every input, its **weight**: how much attention it pays to that cell. It
# multiplies each input by its weight and adds up. That is all, and it is called a *dot product*.


# %%
def neuron(weights, inputs):
    answer = 0.0
    for i in range(len(inputs)):
        answer = answer + weights[i] * inputs[i]
    return answer


# %% [markdown]
# ## Failure: nobody told it what to do
#
# A new neuron has weights that were drawn at random. These were.

# %%
random_weights = [0.98, 0.4, 0.86, -0.08]
for w, x in zip(random_weights, rectangle):
    print(f"{w:>6} x {x} = {w * x:>7.4f}")
guess = neuron(random_weights, rectangle)
print(f"together {guess:.4f}, but the rectangle is {target} grey")

# %% [markdown]
# It says 0.684 where 0.45 is right: it stares at the left column (0.98 and 0.86) and all but ignores
# the last cell. For an average, every cell must count alike, a quarter each.

# %%
quarter = [0.25, 0.25, 0.25, 0.25]
print(f"weights of a quarter say {neuron(quarter, rectangle):.4f}")

# %%
draw.weights(
    [random_weights, quarter], captions=["random", "quarters"], title="The weights of two neurons"
)

# %% [markdown]
# The same four numbers in, the same arithmetic, another answer: **what a neuron knows is in its
# weights**, and nowhere else. To teach it is to change them.
#
# ## Failure: a measure of error that is easily fooled
#
# We knew the good weights. For a neuron that must find them, we need one number that says how wrong
# it is. First idea: the average of (answer - target).


# %%
def mean_error(answers, targets):
    return sum(a - t for a, t in zip(answers, targets)) / len(targets)


answers, targets = [0.9, 0.1], [0.5, 0.5]
print(f"one answer 0.4 too high, one 0.4 too low: mean error {mean_error(answers, targets):.2f}")

# %% [markdown]
# Both answers are bad, and the measure says 0, *perfect*: too high and too low have cancelled.
#
# ## Repair: square first
#
# A square is never negative, so nothing cancels. The **mean squared error** (MSE) is the average of
# (answer - target)². Such a measure of wrongness is called a **loss**; 0 is the best there is.


# %%
def mse(answers, targets):
    return sum((a - t) ** 2 for a, t in zip(answers, targets)) / len(targets)


print(f"the same two answers: MSE {mse(answers, targets):.2f}")
print(f"off by 1: MSE([1], [2]) = {mse([1], [2]):.0f}")
print(f"off by 2: MSE([1], [3]) = {mse([1], [3]):.0f}")
print(f"our rectangle: random weights {mse([guess], [target]):.4f}, quarters ", end="")
print(f"{mse([neuron(quarter, rectangle)], [target]):.4f}")

# %% [markdown]
# Twice as far off costs four times as much: squares forgive small errors and insist on large ones.


# %%
def squared_error(answer):
    return (answer - target) ** 2


draw.function(
    squared_error, -0.1, 1.0, slopes=(guess,), title="The loss by the answer", x_label="answer"
)

# %% [markdown]
# ## Who is to blame?
#
# The loss is a function of the weights, so each weight has a slope, and we can measure it with the
# nudge of the [first lesson](01_numbers_and_slopes.py).


# %%
def loss(weights):
    return mse([neuron(weights, rectangle)], [target])


def blame(weights, i, h=1e-5):
    more, less = list(weights), list(weights)
    more[i] += h
    less[i] -= h
    return (loss(more) - loss(less)) / (2 * h)


slopes = [blame(random_weights, i) for i in range(4)]
for w, x, s in zip(random_weights, rectangle, slopes):
    print(f"weight {w:>5} on a cell of {x}: slope {s:.4f}")

# %% [markdown]
# All slopes are positive: every weight, made larger, makes things worse, for the answer is too high
# already. And the weight on the darkest cell (0.7) has the most say, although it is the smallest
# weight: a nudge to it is multiplied by 0.7. In fact the slopes are `2 (answer - target) x`, the error
# times the input. That formula carries the next lesson.
#
# One small step against the slopes, then:

# %%
step = 0.1
better = [w - step * s for w, s in zip(random_weights, slopes)]
print("weights", [round(w, 3) for w in better])
print(
    f"answer {neuron(better, rectangle):.4f}, loss {loss(random_weights):.4f} -> {loss(better):.4f}"
)

# %% [markdown]
# ## What we found, checked

# %%
assert abs(neuron(random_weights, rectangle) - 0.684) < 1e-12
assert abs(neuron(quarter, rectangle) - 0.45) < 1e-12
assert mse([1], [2]) == 1
assert mse([1], [3]) == 4
assert abs(mean_error(answers, targets)) < 1e-12  # fooled
assert mse(answers, targets) > 0.15  # not fooled
formula = [2 * (guess - target) * x for x in rectangle]
assert all(abs(s - f) < 1e-9 for s, f in zip(slopes, formula))
assert loss(better) < loss(random_weights)

# %% [markdown]
# ## Try it yourself
#
# 1. Find other weights that also say 0.45 for this rectangle. (There are endlessly many: one picture
#    is not enough to learn from.) Do they work for `[1, 0, 0, 0]`?
# 2. What does the neuron with weights `[0.5, 0.5, -0.5, -0.5]` look for? Give it a rectangle that is
#    dark above and white below, then one the other way round.
# 3. Measure wrongness with the absolute difference in place of the square. What changes when one
#    answer of ten is badly off?
# 4. Take the step with `step = 3` in place of 0.1. What has happened to the loss, and why?
#
# Next: [learning an average](03_learning_an_average.py), the same step again and again.
