"""Made-up lessons: one with all kinds of cells, one that fails, one with a picture."""

TWICE = """\
# %% [markdown]
# # Twice & as < much
#
# Two of everything, at 1.5 times the price? It
# adds up.

# %%
print("begin")

# %% [markdown]
# ## A *list*
#
# - of one `item`
#   with two lines
#
# Next: [the half](02_the_half_of_it.py).


# %%
def double(x):
    return 2 * x
# %%

double(21)
"""

HALF = """\
# %% [markdown]
# # The half of it
#
# Nothing is halved, and the reader is told.

# %%
def half(x):
    return 1 / x


half(0)
"""

PICTURE = """\
# %% [markdown]
# # Falling
#
# A curve.

# %%
from chainrule.picture import line_chart

line_chart({"loss": [3, 2, 1]}, title="falling & falling")
"""
