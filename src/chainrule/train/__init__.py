"""Training: the loop, its callbacks, and the job behind `chainrule train` (floor 4)."""

from chainrule.train.callbacks.best import BestWeights
from chainrule.train.callbacks.callback import Callback
from chainrule.train.callbacks.logs import JsonLines
from chainrule.train.callbacks.progress import Progress
from chainrule.train.callbacks.stopping import EarlyStopping
from chainrule.train.compiling.compiled import Compiled, compile
from chainrule.train.fitting.engine import explicit_step
from chainrule.train.fitting.loop import evaluate, fit, predict
from chainrule.train.fitting.run import History, Run

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
