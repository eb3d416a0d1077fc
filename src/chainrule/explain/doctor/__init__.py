"""Whether a network and its data are well, and one edit for whatever is not (floor 4).

`examine` has the examination before training and `origin` finds where numbers stopped being finite.
The checks of an examination stand in `data_checks`, `network_checks` and `step_checks`; they look at
a `case`, at what one way through the network showed (`visit`) and at what the loss answers (`probe`).
What every check speaks in is a `finding`.
"""
