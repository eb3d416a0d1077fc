"""Mixed precision on a GPU: products in half precision, and gradients scaled to fit (floor 3).

Half precision is quicker on machines that have it in hardware; on a processor with NumPy it is
slower and less exact. So on the processor `autocast` changes nothing and `GradScaler` scales by
one, which is what PyTorch's do where there is no GPU.
"""

from chainrule.amp.autocast import autocast, is_autocast_available
from chainrule.amp.scaler import GradScaler

__all__ = ["GradScaler", "autocast", "is_autocast_available"]
