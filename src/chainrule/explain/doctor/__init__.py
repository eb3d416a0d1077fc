"""Whether a network and its data are well, and one edit for whatever is not (floor 4).

`doctor` examines before training: the data, the network at its start, the first steps. `finding` is
what every check speaks in.
"""
