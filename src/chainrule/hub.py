"""PyTorch's store of models: nothing is fetched from there (floor 3)."""

from chainrule.absent import missing, refuse

__all__ = ["load", "load_state_dict_from_url"]

_instead = "models come from your own code, and weights from a file by chainrule.load(path)"
load = refuse("hub.load", _instead)
load_state_dict_from_url = refuse("hub.load_state_dict_from_url", _instead)
__getattr__ = missing("hub", _instead)
