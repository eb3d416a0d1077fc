# %% [markdown]
# # Automatic differentiation
#
# Every number in a network needs its slope, a network may have a million numbers, and all the slopes
# can be had at once, exactly, for the price of running the network about three times. This lesson
# builds the machine that does it, from nothing. It is the heart of every deep-learning library, and
# it is some forty lines long.

# %%
import itertools
import math
from timeit import repeat

from chainrule import scalar

# %% [markdown]
# ## Failure: nudging them one by one
#
# So far we measured slopes: nudge an input by `h`, see how far the answer moves, divide by `h`. Here
# is a formula of four numbers, `L = (a b + c) f`, and all its slopes by nudging.


# %%
def formula(a, b, c, f):
    return (a * b + c) * f


def nudged(function, inputs, h=1e-6):
    rest = function(*inputs)
    slopes = []
    for i in range(len(inputs)):
        moved = list(inputs)
        moved[i] += h
        slopes.append((function(*moved) - rest) / h)
    return slopes


inputs = (2.0, -3.0, 10.0, -2.0)
by_nudging = nudged(formula, inputs)
print(f"L = {formula(*inputs)}, slopes by nudging:", *by_nudging, sep="\n  ")

# %% [markdown]
# Two things are wrong. The slopes are 6, -4, -2 and 4, and a good third of the digits is noise. And
# every number costs a run of its own, besides the one at rest: a network that reads digits has 8,000
# weights at the least, so it would be run 8,001 times for a single step of learning.
#
# ## Idea: each operation knows its own slopes
#
# Nobody needs to nudge `x · y`. If `x` grows by a little, the product grows `y` times as much: its
# slope by `x` is `y`, and its slope by `y` is `x`. A sum passes every change on as it is: its slopes
# are 1 and 1. And slopes along a way multiply: if `L` changes 3 times as fast as `d`, and `d` twice
# as fast as `a`, then `L` changes 6 times as fast as `a`. That is the **chain rule**.
#
# So let each number remember what it was made of, with the slopes, and send the gradient back along
# the same ways. (A *gradient* is the slope of the final answer by some number.)


# %%
class Naive:
    calls = 0

    def __init__(self, data, *made_of):
        self.data, self.made_of, self.grad = data, made_of, 0.0

    def __add__(self, other):
        return Naive(self.data + other.data, (self, 1.0), (other, 1.0))

    def __mul__(self, other):
        return Naive(self.data * other.data, (self, other.data), (other, self.data))

    def backward(self, gradient=1.0):
        Naive.calls += 1
        self.grad = gradient
        for operand, slope in self.made_of:
            operand.backward(gradient * slope)


numbers = [Naive(x) for x in inputs]
formula(*numbers).backward()
print("slopes by the chain rule:", [x.grad for x in numbers])

# %% [markdown]
# Exact, all four at once, and nothing but multiplication. It looks finished. It is not.
#
# ## Three failures
#
# **A number used twice.** Let `b = a + a`. That is `2 a`, so its slope is 2:


# %%
def doubled(kind, times):
    a = b = kind(1.0)
    for _ in range(times):
        b = b + b
    b.backward()
    return a.grad


print("slope of a + a:", doubled(Naive, 1))

# %% [markdown]
# It says 1. There are two ways back from `b` to `a`, and what the second brings *overwrites* what
# the first had brought. Gradients that arrive along several ways must be **added up**.
#
# **The same ways again and again.** Double twenty times. There are only twenty additions:

# %%
Naive.calls = 0
doubled(Naive, 20)
calls = Naive.calls
print(f"20 additions: backward was called {calls:,} times")

# %% [markdown]
# Each addition is walked twice whenever the one after it is walked once: two million walks.
#
# **A long chain.** A function that calls itself for every operation runs out of stack:


# %%
def chain(x, one, links):
    y = x
    for _ in range(links):
        y = y * x + one
    return y


try:
    chain(Naive(0.5), Naive(1.0), 10_000).backward()
except RecursionError as error:
    died = str(error)
print("20,000 operations in a row:", died)

# %% [markdown]
# ## Repair: an order
#
# One idea mends all three. A number passes its gradient on *once*, when everything that it was used
# for has reported. So go through the numbers in an order in which each comes after all that was made
# of it (a *topological order*, backwards). Where to find one? A number can only be made of numbers
# that were there before: the order of birth, from the youngest to the oldest, will do.
#
# In this version each operation leaves behind a small function, `back`, which adds to the gradients
# of its operands what it owes them when a gradient `g` has arrived. A function that remembers the
# variables around it, as `back` does, is called a *closure*.


# %%
class Value:
    births = itertools.count()

    def __init__(self, data, operands=(), back=lambda g: None):
        self.data, self.operands, self.back, self.grad = data, operands, back, 0.0
        self.born = next(Value.births)

    def __add__(self, other):
        def back(g):
            self.grad += g
            other.grad += g

        return Value(self.data + other.data, (self, other), back)

    def __mul__(self, other):
        def back(g):
            self.grad += g * other.data
            other.grad += g * self.data

        return Value(self.data * other.data, (self, other), back)

    def tanh(self):
        y = math.tanh(self.data)

        def back(g):
            self.grad += g * (1 - y * y)

        return Value(y, (self,), back)

    def backward(self):
        found, to_do = {self}, [self]
        while to_do:
            new = [x for x in to_do.pop().operands if x not in found]
            found.update(new)
            to_do.extend(new)
        self.grad = 1.0
        for x in sorted(found, key=lambda x: x.born, reverse=True):
            x.back(x.grad)


numbers = [Value(x) for x in inputs]
formula(*numbers).backward()
print("slopes of the formula:", [x.grad for x in numbers])
print("slope of a + a:", doubled(Value, 1), "and doubled 20 times:", doubled(Value, 20))
one = Value(1.0)
chain(Value(0.5), one, 50_000).backward()
print("100,000 operations in a row: slope", one.grad)

# %% [markdown]
# That is all of it: no limit to depth, each operation visited once, gradients added up. To teach it
# another operation takes its value and one line with its slope.
#
# ## A neuron
#
# A neuron weighs its inputs, adds a bias and bends the sum with tanh: `o = tanh(x1 w1 + x2 w2 + b)`.

# %%
x1, x2, w1, w2, b = (Value(x) for x in (2.0, 0.0, -3.0, 1.0, 6.0))
o = (x1 * w1 + x2 * w2 + b).tanh()
o.backward()
print(f"output {o.data}, slopes: x1 {x1.grad}, w1 {w1.grad}, x2 {x2.grad}, w2 {w2.grad}")

# %% [markdown]
# The slope by `w2` is 0 because `x2` is 0: that weight had no say in the answer, so nothing about it
# is to blame. In short, the gradient of a weight is *its input, times what arrives from above*.
# Every layer of every network learns by that.
#
# ## Two ways to remember, and a third
#
# A closure is comfortable to write, but making a function for each multiplication takes time. When
# `x · y` is computed, both its slopes are already *known*: two numbers. `chainrule.scalar` keeps
# those, as our first attempt did, and walks in an order, as our second does. Its `Value` is one
# screen long too, and does `- / **`, `exp`, `log` and the rest as well.
#
# The third way remembers the *formula*. If the same operations are done again and again with other
# numbers, as in training, the graph need not be built anew each time: record it once, then replay it,
# forward and backward, without Python in between. That is what `scalar.compile` does. (In machine
# code, if `llvmlite` is installed. With NumPy alone it pays only where many operations do not wait
# for one another, and here each waits for the one before.)


# %%
nodes = 20_000
x, one = scalar.Value(0.5), scalar.Value(1.0)
replay = scalar.compile(lambda x, one: chain(x, one, nodes // 2), x, one)
ways = {
    "closures": lambda: chain(Value(0.5), Value(1.0), nodes // 2).backward(),
    "slopes": lambda: chain(x, one, nodes // 2).backward(),
    "replay": lambda: replay(0.5, 1.0),
}
taken = {name: min(repeat(way, "gc.enable()", number=1)) / nodes for name, way in ways.items()}
for name, each in taken.items():
    factor = taken["closures"] / each
    print(f"{name:>8}: {1e9 * each:6.1f} ns an operation and back, {factor:5.1f} times as fast")

# %% [markdown]
# ## What we found, checked

# %%
assert [round(slope, 6) for slope in by_nudging] == [6, -4, -2, 4] != by_nudging
assert doubled(Naive, 1) == 1  # wrong
assert calls == 2**21 - 1
assert "recursion" in died
assert formula(*numbers).data == -8 and [x.grad for x in numbers] == [6, -4, -2, 4]
assert doubled(Value, 1) == 2 and doubled(Value, 20) == 2**20
assert o.data == 0 and [v.grad for v in (x1, w1, x2, w2)] == [-3, 2, 1, 0]
x.grad = one.grad = 0.0
assert abs(replay(0.5, 1.0) - 2) < 1e-12 and abs(one.grad - 2) < 1e-12

# %% [markdown]
# ## Try it yourself
#
# 1. Teach `Value` to take plain numbers, `x + 1` and `1 + x`. Then give it `-`, `/`, `**` and `exp`.
#    How few new closures are needed? (`a / b` is `a` times `b` to the power of -1.)
# 2. Check your new operations with `nudged`.
# 3. Call `backward` twice on the same `L`. What happens to the gradients of `a`, `b`, `c`, `f`, and
#    what to those in between? What would you want?
# 4. Write `x1 w1 + x2 w2 + b` with one operation of your own, `dot`, that takes two lists. Its `back`
#    is two lines. How much faster is a neuron?
#
# Next: [drawing the graph](07_drawing_the_graph.py), to see what was made of what.
