"""Training: the loop, its callbacks, and the job behind `chainrule train` (floor 4)."""

from chainrule.train.callbacks.average import EMA
from chainrule.train.callbacks.best import BestWeights
from chainrule.train.callbacks.callback import Callback
from chainrule.train.callbacks.checkpoint import Checkpoint
from chainrule.train.callbacks.logs import CsvLog, JsonLines, TensorBoard
from chainrule.train.callbacks.progress import Progress
from chainrule.train.callbacks.stopping import EarlyStopping, MaxTime
from chainrule.train.compiling.compiled import Compiled, compile
from chainrule.train.fitting.augment import AugmentImages
from chainrule.train.fitting.engine import explicit_step
from chainrule.train.fitting.loop import evaluate, fit, predict
from chainrule.train.fitting.run import History, Run
from chainrule.train.metrics.metric import Metric
from chainrule.train.metrics.names import metric_of

__all__ = [
    "EMA",
    "AugmentImages",
    "BestWeights",
    "Callback",
    "Checkpoint",
    "Compiled",
    "CsvLog",
    "EarlyStopping",
    "History",
    "JsonLines",
    "MaxTime",
    "Metric",
    "Progress",
    "Run",
    "TensorBoard",
    "compile",
    "evaluate",
    "explicit_step",
    "fit",
    "metric_of",
    "predict",
]
