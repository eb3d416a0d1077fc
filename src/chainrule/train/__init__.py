"""Training: the loop, its callbacks, and the job behind `chainrule train` (floor 4).

What belongs to jobs, searches and comparisons is imported when first used.
"""

from typing import TYPE_CHECKING

from chainrule.later import later
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
from chainrule.train.job.predictor import Predictor
from chainrule.train.metrics.metric import Metric
from chainrule.train.metrics.names import metric_of

if TYPE_CHECKING:
    from chainrule.train.comparing.comparison import Comparison, compare
    from chainrule.train.job.outcome import Settings
    from chainrule.train.tuning.study import Study
    from chainrule.train.tuning.tune import tune

__all__ = [
    "EMA",
    "AugmentImages",
    "BestWeights",
    "Callback",
    "Checkpoint",
    "Comparison",
    "Compiled",
    "CsvLog",
    "EarlyStopping",
    "History",
    "JsonLines",
    "MaxTime",
    "Metric",
    "Predictor",
    "Progress",
    "Run",
    "Settings",
    "Study",
    "TensorBoard",
    "compare",
    "compile",
    "evaluate",
    "explicit_step",
    "fit",
    "metric_of",
    "predict",
    "tune",
]

__getattr__, __dir__ = later(
    __name__,
    {
        "Comparison": "comparing.comparison",
        "Settings": "job.outcome",
        "Study": "tuning.study",
        "compare": "comparing.comparison",
        "tune": "tuning.tune",
    },
)
