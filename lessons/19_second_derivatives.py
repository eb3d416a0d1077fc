# %% [markdown]
# # Second derivatives
#
# The slope says which way is down, and the slope of the slope says how far one may go. It decides
# which learning rates work and which blow up, it makes steps possible that land at once, and it
# costs less than one would think.

# %%
import textwrap
from timeit import repeat

import numpy as np

import chainrule as cr
from chainrule import draw, nn, optim
from chainrule.autograd import grad, gradgradcheck
from chainrule.errors import GradientError

# %% [markdown]
# ## The same slope, the same step, and one of two blows up
#
# Two valleys, `f(x) = c x² / 2`, one flat (`c = 1`), one steep (`c = 5`). We start each where its
# slope `c x` is 1, so that gradient descent cannot tell them apart. The learning rate is 0.5.


# %%
def descend(slope, x, lr, steps):
    path = [x]
    for _ in range(steps):
        x = x - lr * slope(x)
        path.append(x)
    return np.array(path)


flat = descend(lambda x: 1 * x, 1.0, lr=0.5, steps=12)
steep = descend(lambda x: 5 * x, 0.2, lr=0.5, steps=12)
print("flat: ", *(f"{x:.2f}" for x in flat[:6]), "...", f"{flat[-1]:.4f}")
print("steep:", *(f"{x:.2f}" for x in steep[:6]), "...", f"{steep[-1]:.4f}")

# %%
draw.descent(lambda x: 2.5 * x**2, steep[:5], -1.2, 1.2, title="Too far, and farther every time")

# %% [markdown]
# One step takes `x` to `x - lr c x = (1 - lr c) x`. The position is multiplied by `1 - lr c`, again
# and again, and shrinks only while that lies between -1 and 1:
#
# > **descent converges while `lr < 2 / c`**
#
# Here `c` is the **curvature**, the slope of the slope. For the steep valley the threshold is 0.4,
# and we had 0.5. So we had better know `c`.
#
# ## The slope of the slope
#
# Nudging could measure it: `(f(x+h) - 2 f(x) + f(x-h)) / h²`. But every division by `h` blows up
# the noise of the 16th digit, and here are two of them:


# %%
def twice_nudged(f, x, h):
    return (f(x + h) - 2 * f(x) + f(x - h)) / h**2


for h in (1e-2, 1e-4, 1e-6, 1e-8):
    print(f"x³ at 3, h {h:.0e}: {twice_nudged(lambda x: x**3, 3.0, h):.8f}, and 18 is right")

# %% [markdown]
# Better: the first slope is computed by multiplications and additions like anything else, so it can
# be recorded and differentiated like anything else. That has to be asked for, because remembering
# costs memory and is rarely needed. Unasked, it fails and says so:

# %%
x = cr.tensor(3.0, dtype=cr.float64, requires_grad=True)
(forgotten,) = grad(x**3, x)
try:
    grad(forgotten, x)
except GradientError as error:
    refused = str(error)
print(textwrap.fill(f"Refused: {refused}", 86))

(first,) = grad(x**3, x, create_graph=True)
(second,) = grad(first, x, create_graph=True)
(third,) = grad(second, x)
print(f"x³ at 3: slope {first.item()}, its slope {second.item()}, and of that {third.item()}")

# %% [markdown]
# ## Curvature in every direction
#
# A function of two numbers bends differently in different directions. Its second derivatives make a
# square table, the **Hessian**: row `i` is the gradient of slope `i`. Its eigenvalues are the
# curvatures along the valley's own axes, and the *largest* of them sets the limit for all.


# %%
def hessian(f, point):
    (slopes,) = grad(f(*point), point, create_graph=True)
    return np.array([grad(s, point, retain_graph=True)[0].numpy() for s in slopes])


def valley(a, b):
    return 10 * (a - b) ** 2 + (a + b - 2) ** 2 / 4


def slope_of_valley(p):
    at = cr.tensor(p, requires_grad=True)
    return grad(valley(*at), at)[0].numpy()


start = np.array([-1.2, -0.7])
H = hessian(valley, cr.tensor(start, requires_grad=True))
least, most = np.linalg.eigvalsh(H)
print(f"Hessian {H.tolist()}: curvatures {least:.1f} and {most:.1f}, so lr < {2 / most:.3f}")

paths = {
    f"{share:.2f} of the limit": descend(slope_of_valley, start, share * 2 / most, 60)
    for share in (0.30, 0.97, 1.03)
}
for name, path in paths.items():
    print(f"{name}: after 60 steps at distance {np.hypot(*(path[-1] - 1)):.3f} from the bottom")

# %% [markdown]
# The steep direction forbids large steps, the flat one would need them: that is why long narrow
# valleys are slow, and it is what momentum and Adam soften.
#
# ## Newton's step
#
# If the curvature is known, why guess a learning rate? In a valley `c x² / 2` the step
# `slope / curvature` lands at the bottom at once. In several dimensions we divide by the Hessian,
# that is, solve a system of equations:

# %%
newton = start - np.linalg.solve(H, slope_of_valley(start))
print("one Newton step in the valley lands at", newton.round(12))

# %%
shown = {name: path[:16] for name, path in paths.items() if "0.97" not in name}
shown["Newton, one step"] = np.array([start, newton])
title = "Fifteen steps of descent, and one of Newton's"
draw.surface(valley, shown, (-1.6, 1.6), (-1.6, 1.6), title=title, x_label="a", y_label="b")

# %% [markdown]
# On a curve that is no such valley, one step is not enough, but few are:


# %%
def newton_steps(f, x, steps):
    path = [x]
    for _ in range(steps):
        at = cr.tensor(path[-1], dtype=cr.float64, requires_grad=True)
        (slope,) = grad(f(at), at, create_graph=True)
        path.append(path[-1] - (slope / grad(slope, at)[0]).item())
    return path


smooth = newton_steps(lambda x: x.exp() - 2 * x, 0.0, 5)
print("e^x - 2x, distance to its bottom:", *(f"{abs(x - np.log(2)):.0e}" for x in smooth))

hill = newton_steps(lambda x: x**4 / 4 - x**2 / 2, 0.3, 5)
print("x⁴/4 - x²/2, from 0.3:", *(f"{x:.3f}" for x in hill))

# %% [markdown]
# There each step roughly *doubles the number of right digits*. But look at the second function: from
# 0.3 it went to 0, which is the top of a hill. Newton's step looks for a place of slope zero and does
# not ask which kind. Where the curvature is negative, it climbs.
#
# ## A million weights
#
# The Hessian of a million weights has a million million entries; nobody writes it down. But its
# product with one vector, `H v`, is the slope along `v` of the gradient, and that costs one more
# walk back: **take the gradient, multiply it with `v`, take the gradient of that.**
#
# It is enough to find the largest curvature: multiply any vector by `H` again and again, and the
# steepest direction outgrows all the others (the power method).

# %%
rng = cr.Generator(0)
inputs = cr.randn(200, 2, generator=rng, dtype=cr.float64)
targets = (inputs[:, :1] * inputs[:, 1:]).tanh()
layers = nn.Linear(2, 24, generator=rng), nn.Tanh(), nn.Linear(24, 1, generator=rng)
network = nn.Sequential(*layers).double()
weights = list(network.parameters())


def loss():
    return ((network(inputs) - targets) ** 2).mean()


def along(slopes, v):
    return sum((s * d).sum() for s, d in zip(slopes, v))


def times_hessian(v):
    slopes = grad(loss(), weights, create_graph=True)
    return grad(along(slopes, v), weights)


v = [cr.randn(*w.shape, generator=rng, dtype=cr.float64) for w in weights]
for _ in range(30):
    v = times_hessian(v)
    length = along(v, v).sqrt()
    v = [d / length for d in v]
steepest = along(times_hessian(v), v).item()
limit = 2 / steepest
print(f"{sum(w.numel() for w in weights)} weights: largest curvature {steepest:.3f}", end=", ")
print(f"so a learning rate below {limit:.3f}")

begin = {name: w.detach().clone() for name, w in network.state_dict().items()}


def loss_after(lr, steps=40):
    network.load_state_dict(begin)
    descent = optim.SGD(weights, lr=lr)
    for _ in range(steps):
        descent.zero_grad()
        loss().backward()
        descent.step()
    return loss().item()


trained = {share: loss_after(share * limit) for share in (0.9, 2.0)}
print(f"loss after 40 steps at 0.9 of the limit {trained[0.9]:.3f}, at twice {trained[2.0]:.0e}")


# %%
once = min(repeat(lambda: grad(loss(), weights), number=1, repeat=50))
product = min(repeat(lambda: times_hessian(v), number=1, repeat=50))
print(f"gradient {1e3 * once:.2f} ms, H v {1e3 * product:.2f} ms: {product / once:.1f} times")

# %% [markdown]
# The limit was foretold before the first step, and it holds. (Only nearly: curvature changes as the
# weights move.) The price was thirty products, each costing a few gradients, and not one entry of
# the Hessian was ever written down.
#
# Second derivatives are rules applied to rules, so they deserve a check of their own: the first
# derivative is nudged and compared with the second, element by element.

# %%
points = cr.tensor([0.5, -1.2, 2.0], dtype=cr.float64, requires_grad=True)
checked = gradgradcheck(lambda x: x.tanh() * x.exp(), points)
print("second derivatives of tanh(x) e^x stand up to differences:", checked)

# %% [markdown]
# ## What we found, checked

# %%
assert abs(flat[-1]) < 0.001 and abs(steep[-1]) > 20
assert abs(twice_nudged(lambda x: x**3, 3.0, 1e-8) - 18) > 1  # no digit right
assert "create_graph=True" in refused
assert (first.item(), second.item(), third.item()) == (27.0, 18.0, 6.0)
assert np.allclose(H, [[20.5, -19.5], [-19.5, 20.5]]) and np.allclose([least, most], [1, 40])
ends = [np.hypot(*(path[-1] - 1)) for path in paths.values()]
assert ends[1] < 0.2 < ends[0] < 2 < 10 < ends[2]  # near the limit is best, beyond it is lost
assert np.allclose(newton, 1) and abs(smooth[-1] - np.log(2)) < 1e-12
assert abs(hill[-1]) < 1e-9  # the top of the hill
assert trained[0.9] < 0.1 and trained[2.0] > 1e6
assert product / once < 20
assert checked

# %% [markdown]
# ## Try it yourself
#
# 1. Take the derivative of `x**5` again and again until it is 0. How many times?
# 2. Give `descend` the best learning rate for the valley, `2 / (least + most)`. By what factor does
#    the distance shrink in a step? (Theory says `(most - least) / (most + least)`.)
# 3. Mend Newton's climbing: divide by the *absolute value* of the curvature. Where does it go from
#    0.3 now?
# 4. Train the network for 500 steps at half of the limit, and find its largest curvature again. Is
#    the limit still where it was?
# 5. Find the *smallest* curvature: run the power method on `H v - steepest * v`.
#
# Next: [checking your gradient](20_checking_your_gradient.py), in which no rule is believed.
