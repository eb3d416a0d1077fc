# %% [markdown]
# # Regularisation
#
# A network with many weights and few examples can learn all of them by heart: every point, every
# slip of the pen. It then scores full marks on what it has seen and is wrong, and very sure of
# itself, on what it has not. That is overfitting. You will see it happen, learn the one curve that
# gives it away, and try five remedies, each with its figure in one table.

# %%
import numpy as np

import chainrule as cr
from chainrule import data, draw, nn
from chainrule.train import BestWeights, EarlyStopping, evaluate, predict

# %% [markdown]
# ## Three sets of points
#
# Two moons, with so much noise that they run into each other: nobody could tell all points apart.
# We learn from 40 of them, the **training** set. We watch 400 others, the **validation** set, that
# the network never learns from. And we lock 2,000 away, the **test** set, for one look at the end.


# %%
def points(n, seed):
    drawn = data.moons(n, noise=0.35, seed=seed)
    return drawn.x, drawn.y  # (n, 2), (n,)


training, validation, test = points(40, 21), points(400, 22), points(2000, 23)


def network(dropout=0.0, width=128):
    cr.manual_seed(20)  # every network below begins with the same weights
    first = nn.Linear(2, width), nn.ReLU(), nn.Dropout(dropout)
    second = nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout)
    return nn.Sequential(*first, *second, nn.Linear(width, 2))


print(f"{sum(w.numel() for w in network().parameters()):,} weights for {len(training[0])} points")

# %% [markdown]
# ## Failure: full marks, and wrong
#
# Every network gets 400 steps. After each epoch `fit` measures the loss on the validation set too.

# %%
table, histories = {}, {}


def train(name, model, examples=training, **how):
    epochs = 400 * 40 // len(examples[0])  # more points make longer epochs: 400 steps for all
    how |= {"epochs": epochs, "batch_size": 40, "lr": 0.003}
    histories[name] = cr.fit(model, examples, validation=validation, progress=False, **how)
    seen, unseen = evaluate(model, examples), evaluate(model, validation)
    table[name] = (seen["loss"], unseen["loss"], unseen["accuracy"])
    return model


plain = train("nothing", network())
history = histories["nothing"]
for epoch in (1, 5, 10, 20, 50, 100, 200, 400):
    row = history.rows[epoch - 1]
    print(
        f"epoch {epoch:>3}   training loss {row['loss']:.4f}   "
        f"validation loss {row['validation_loss']:.3f}"
    )

# %%
best = 1 + int(np.argmin(history["validation_loss"]))
draw.curves(
    {"training": history["loss"], "validation": history["validation_loss"]},
    title="One loss falls, the other turns round",
    x_label="epoch",
    y_label="loss",
    marks={best: "best"},
)

# %% [markdown]
# For a few epochs both losses fall: the network finds what all points have in common. Then they
# part. The training loss goes on to zero, the validation loss climbs to several times its best:
# from here on the network learns what is true of these 40 points only. Where the curves part,
# learning turns into memorising.

# %%
draw.boundary(plain, *training, labels=("upper", "lower"), title="Bent around single points")

# %% [markdown]
# The border bends around single points, and the colours are strong right up to it: the network
# doubts nothing. How sure is it on the validation points that it gets *wrong*?


# %%
def surety_when_wrong(model):
    shares = nn.functional.softmax(predict(model, validation[0]), 1)
    wrong = shares.argmax(1) != validation[1]
    return float(shares.max(1)[wrong].mean())


print(f"the network gives its mistakes a probability of {surety_when_wrong(plain):.0%}")

# %% [markdown]
# ## First remedy: more points
#
# The best one by far, when it can be had. 400 points leave less to memorise and more to understand.

# %%
train("10 times the points", network(), points(400, 24))

# %% [markdown]
# ## Second remedy: weight decay
#
# A border can only bend sharply where weights are large. So let every step also shrink every weight
# by a little, `w ← w - lr · λ · w`: a weight stays large only while the data keep insisting. The
# factor `λ` (lambda) is the weight decay; with 5 and a learning rate of 0.003, 1.5 % are lost a step.

# %%
decayed = train("weight decay", network(), optimizer="adamw", weight_decay=5.0)


def size(model):
    return float(sum((w**2).sum() for w in model.parameters()).sqrt())


print(f"length of all weights: plain {size(plain):.1f}, with decay {size(decayed):.1f}")

# %%
draw.boundary(decayed, *training, labels=("upper", "lower"), title="With weight decay")

# %% [markdown]
# ## Third remedy: dropout
#
# In every training step each hidden unit is switched off with probability 1/2 (the others count
# double, to make up for it). No unit can rely on one particular other unit being there, so the net
# cannot store "that one point" in a conspiracy of two. In use, `model.eval()`, all units work.

# %%
train("dropout", network(dropout=0.5))

# %% [markdown]
# ## Fourth remedy: soft targets
#
# The cross-entropy asks for a probability of 100 %, which no finite weights can give: they grow for
# ever. **Label smoothing** asks for 90 % instead, plus half of the last tenth: something that can
# be reached, and then the growing ends. (The table measures all by the plain loss.)

# %%
train("label smoothing", network(), loss=nn.CrossEntropyLoss(label_smoothing=0.1))

# %% [markdown]
# ## Fifth remedy: stop in time
#
# The cheapest. The validation curve shows where to stop, so stop there: wait 40 epochs for an
# improvement, give up, and put back the weights of the best epoch.

# %%
train("early stopping", network(), callbacks=[EarlyStopping(patience=40), BestWeights()])
stopped = histories["early stopping"]
print(f"stopped after {len(stopped)} epochs: {stopped.stopped}; kept epoch {stopped.best_epoch}")

# %% [markdown]
# ## All in one table

# %%
print(f"{'remedy':<20} {'training loss':>14} {'validation loss':>16} {'accuracy':>9}")
for name, (seen, unseen, accuracy) in table.items():
    print(f"{name:<20} {seen:>14.3f} {unseen:>16.3f} {accuracy:>9.1%}")

# %%
draw.curves(
    {name: histories[name]["validation_loss"] for name in ("nothing", "dropout", "weight decay")},
    title="Validation loss",
    x_label="epoch",
    y_label="loss",
    log_y=True,
)

# %% [markdown]
# Each remedy makes the training loss *worse* and the validation loss better: that trade is what
# regularisation means. The accuracy gains less, and unevenly: noise this strong leaves any border
# with one point in seven on the wrong side. What the remedies cure above all is false certainty.
# They work together, and mostly are used together.
#
# ## One look at the test set
#
# We have now chosen by the validation set, so its figure flatters what we chose. The honest figure
# comes from points that nothing was chosen by.

# %%
both = {"optimizer": "adamw", "weight_decay": 5.0}
both["callbacks"] = [EarlyStopping(patience=40), BestWeights()]
careful = train("decay and stopping", network(), **both)
tested = {"nothing": evaluate(plain, test), "decay and stopping": evaluate(careful, test)}
for name, figures in tested.items():
    print(f"{name:<20} test loss {figures['loss']:.3f}   accuracy {figures['accuracy']:.1%}")
surety = surety_when_wrong(plain), surety_when_wrong(careful)
print(f"sure of its mistakes: {surety[0]:.0%} before, {surety[1]:.0%} now")

# %% [markdown]
# ## What we found, checked

# %%
unseen = {name: row[1] for name, row in table.items()}
assert table["nothing"][0] < 0.01  # learned by heart
assert history["accuracy"][-1] == 1 > 0.9 > history["validation_accuracy"][-1]
assert unseen["nothing"] > 3 * min(history["validation_loss"])
assert best < 60  # the curves part early
assert all(loss < 0.75 * unseen["nothing"] for name, loss in unseen.items() if name != "nothing")
assert all(row[0] > table["nothing"][0] for name, row in table.items() if name != "nothing")
assert size(decayed) < 0.8 * size(plain)
assert len(stopped) < 200
assert unseen["early stopping"] < 1.05 * min(stopped["validation_loss"])
assert tested["decay and stopping"]["loss"] < tested["nothing"]["loss"] / 3
assert surety[1] < surety[0] - 0.1

# %% [markdown]
# ## Try it yourself
#
# 1. Give the plain network 4 hidden units instead of 128 (`network(width=4)`). Is a small network a
#    remedy as well?
# 2. Find the weight decay that is too much: at which `λ` does even the training accuracy fall?
# 3. Set the noise of the moons to 0.1. Which remedies still matter?
# 4. Make points out of points: add a little noise to each of the 40, ten times over, and train on
#    the 400 you get. That is data augmentation.
# 5. Combine dropout, decay and smoothing. Can you beat early stopping alone?
#
# Next: [going deeper](15_going_deeper.py), where the network cannot even learn what it is shown.
