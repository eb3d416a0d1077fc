"""Estimators for scikit-learn, whose networks this library trains (floor 5).

`MLPClassifier` and `MLPRegressor` take scikit-learn's parameters with its meaning, so that another
import is all it takes, and begin with the same weights; `NetClassifier` and `NetRegressor` take
any network. The package needs the extra `sklearn`.
"""

from chainrule.errors import require

require("sklearn", "sklearn", "chainrule.sklearn")

from chainrule.sklearn.mlp import MLPClassifier, MLPRegressor  # noqa: E402 (after the sentence)
from chainrule.sklearn.net import NetClassifier, NetRegressor  # noqa: E402

__all__ = ["MLPClassifier", "MLPRegressor", "NetClassifier", "NetRegressor"]
