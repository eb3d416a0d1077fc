# %% [markdown]
# # Learning an average
#
# A neuron with random weights shall learn, from 1,000 examples and without being told how averages
# work, to say how grey a rectangle is. After this lesson you know what training is: an answer, an
# error, the blame for each weight, a small step, three hundred times over. All of it is plain Python.

# %%
import random
import time

from chainrule import draw

# %% [markdown]
# ## The examples
#
# One rectangle cannot teach an average (many weights get it right by luck). So we draw a thousand:
# four cells each, rounded to one decimal, and beside each the answer we want.

# %%
rng = random.Random(2)
rectangles = [[round(rng.random(), 1) for _ in range(4)] for _ in range(1000)]
targets = [sum(cells) / 4 for cells in rectangles]
for cells, target in list(zip(rectangles, targets))[:3]:
    print(cells, "->", round(target, 3))

# %% [markdown]
# The neuron and its loss, the mean squared error, are those of
# [the lesson before](02_a_neuron_by_hand.py).


# %%
def neuron(weights, cells):
    return sum(w * x for w, x in zip(weights, cells))


def loss(weights):
    errors = [neuron(weights, cells) - t for cells, t in zip(rectangles, targets)]
    return sum(e * e for e in errors) / len(errors)


START = [0.98, 0.4, 0.86, -0.08]
start_loss = loss(START)
print(f"the random weights {START} have a loss of {start_loss:.2f}")

# %% [markdown]
# ## Failure: throwing dice
#
# If random weights are bad, why not draw others until some are good? Three hundred throws:

# %%
throws = [[rng.uniform(-1, 1) for _ in range(4)] for _ in range(300)]
best_throw = min(throws, key=loss)
print(f"the best of 300 throws: {[round(w, 2) for w in best_throw]}, loss {loss(best_throw):.4f}")

# %% [markdown]
# Better than we began with, but no weight is a quarter, and each further digit would take ten times
# as many throws *for each weight*. With four weights that is slow; with ten thousand it is hopeless.
# Dice do not look where they are going. Slopes do.
#
# ## Repair: ask every weight for its slope
#
# The loss is an average over the examples, so its slopes are averages too. For one rectangle the
# loss is `(y - t)²`, where `y = w1 x1 + w2 x2 + w3 x3 + w4 x4` is the answer and `t` the target.
# Nudge `w1` a little: `y` moves by `x1` times as much, and the square by `2 (y - t)` times that:
#
#     slope of w1  =  2 (y - t) x1
#
# That is the **chain rule**: along a chain of causes, the slopes multiply. In words: the blame of a
# weight is the error times the input it looked at. A cell that was white (0) cannot be blamed.


# %%
def slopes(weights):
    total = [0.0, 0.0, 0.0, 0.0]
    for cells, target in zip(rectangles, targets):
        error = neuron(weights, cells) - target
        for i in range(4):
            total[i] += 2 * error * cells[i]
    return [s / len(rectangles) for s in total]


# %% [markdown]
# Never trust a formula that has not been checked. Nudging is slower, but knows no algebra and so
# cannot get it wrong.


# %%
def nudged_slopes(weights, h=1e-5):
    found = []
    for i in range(4):
        more, less = list(weights), list(weights)
        more[i] += h
        less[i] -= h
        found.append((loss(more) - loss(less)) / (2 * h))
    return found


by_formula, by_nudge = slopes(START), nudged_slopes(START)
print("formula:", [round(s, 6) for s in by_formula])
print("nudging:", [round(s, 6) for s in by_nudge])

# %% [markdown]
# ## Training
#
# Now the whole of training. Look at all examples (one such pass is an **epoch**), find the slopes,
# and move every weight a little *against* its slope. How little says the **learning rate**, 0.1 here:
#
#     w  <-  w - 0.1 · slope

# %%
RECTANGLE = [0.2, 0.5, 0.4, 0.7]  # 0.45 grey
weights, losses, answers = START, [start_loss], [neuron(START, RECTANGLE)]
began = time.perf_counter()
for _ in range(300):
    weights = [w - 0.1 * s for w, s in zip(weights, slopes(weights))]
    losses.append(loss(weights))
    answers.append(neuron(weights, RECTANGLE))
seconds = time.perf_counter() - began
for epoch in (0, 1, 10, 100, 200, 300):
    print(f"epoch {epoch:>3}: loss {losses[epoch]:.6f}, {RECTANGLE} -> {answers[epoch]:.3f}")
print("weights", [round(w, 4) for w in weights])

# %%
draw.curves(losses, title="The loss over 300 epochs", x_label="epoch", log_y=True)

# %% [markdown]
# All four weights have become a quarter. Nobody has told the neuron about quarters or averages: it
# has found the rule that all thousand examples have in common. And since it found the *rule*, it is
# right on rectangles that it has never seen.

# %%
unseen = [[1.0, 0.0, 0.0, 0.0], [0.33, 0.33, 0.33, 0.33], [0.9, 0.8, 0.7, 1.0]]
for cells in unseen:
    print(f"{cells}: {neuron(weights, cells):.3f}, the average is {sum(cells) / 4:.3f}")

# %%
draw.weights([START, weights], captions=["before", "after"], title="Four weights")

# %% [markdown]
# ## Two speeds
#
# Look at the numbers again. The first ten epochs take nearly all of the loss away: the neuron learns
# the *sum* of its weights, which every rectangle speaks of. Then comes a long tail: how the sum is
# shared among the four shows only in the small differences between cells.

# %%
first_ten = 1 - losses[10] / losses[0]
sums = [sum(START), sum(weights)]
print(f"the first 10 of 300 epochs took {first_ten:.0%} of the loss; sum of weights {sums[1]:.4f}")
print(f"300 epochs took {seconds:.2f} s in plain Python")

# %% [markdown]
# ## What we found, checked

# %%
assert 0.40 < start_loss < 0.44
assert loss(best_throw) > 100 * losses[300]  # as many looks at the examples, a hundred times worse
assert all(abs(f - n) < 1e-8 for f, n in zip(by_formula, by_nudge))
assert abs(answers[0] - 0.684) < 1e-12
assert abs(answers[1] - 0.575) < 0.01
assert 0.001 < losses[100] < 0.003
assert 5e-7 < losses[300] < 5e-6
assert all(abs(w - 0.25) < 0.005 for w in weights)
assert all(later < earlier for earlier, later in zip(losses, losses[1:]))
assert first_ten > 0.8
assert all(abs(neuron(weights, cells) - sum(cells) / 4) < 0.01 for cells in unseen)

# %% [markdown]
# ## Try it yourself
#
# 1. Train on the first 3 rectangles only, then ask about the unseen ones. How many different
#    rectangles does a neuron with four weights need at the very least?
# 2. Teach it something else: the average of the upper two cells, or darkest minus lightest. Which of
#    these can it learn, and where does the loss stop falling?
# 3. Change the learning rate to 0.5, then to 1.0. ([Lesson 5](05_overstepping_and_valleys.py) tells
#    why.)
# 4. Take a step after every single rectangle instead of after all thousand. Is it quicker?
# 5. Spoil the targets with `+ rng.gauss(0, 0.1)`. What do the weights become, and where does the
#    loss stop? Why there?
#
# Next: [gradient descent in pictures](04_descent_in_pictures.py), to see what we have just done.
