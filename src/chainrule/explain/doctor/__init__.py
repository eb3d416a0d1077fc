"""Whether a network and its data are well, and one edit for whatever is not (floor 4).

`examine` has the examination before training, `watch` looks in during it, and `origin` finds where
numbers stopped being finite. Checks stand in files named after what they are about; those before
training look at a `case`, at what one way through the network showed (`visit`) and at what the loss
answers (`probe`), those of a run at its `course`. What every check speaks in is a `finding`.
"""
