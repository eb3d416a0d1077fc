"""Speed, always as a ratio: chainrule and its peers side by side, on one machine, in one run.

`python -m bench` trains the same networks from the same weights on the same batches in every
library that is installed, each in a process of its own, in rounds that take turns, and divides the
peers' times by ours. A contender whose loss is another is shown and not ranked.
"""
