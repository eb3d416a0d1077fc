"""Training: the loop, its callbacks, and the job behind `chainrule train` (floor 4)."""

from chainrule.train.callbacks import BestWeights, Callback, EarlyStopping, JsonLines
from chainrule.train.compiled import Compiled, compile
from chainrule.train.engine import explicit_step
from chainrule.train.loop import evaluate, fit, predict
from chainrule.train.progress import Progress
from chainrule.train.run import History, Run

__all__ = [
    "BestWeights",
    "Callback",
    "Compiled",
    "EarlyStopping",
    "History",
    "JsonLines",
    "Progress",
    "Run",
    "compile",
    "evaluate",
    "explicit_step",
    "fit",
    "predict",
]
