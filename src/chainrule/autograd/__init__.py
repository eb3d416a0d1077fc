"""Tensors and their gradients, of any order (floor 2)."""

from chainrule.autograd import functional, profiler
from chainrule.autograd.anomaly import (
    detect_anomaly,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    set_detect_anomaly,
)
from chainrule.autograd.check import gradcheck, gradgradcheck
from chainrule.autograd.creation import (
    arange,
    empty,
    empty_like,
    eye,
    full,
    full_like,
    linspace,
    logspace,
    ones,
    ones_like,
    scalar_tensor,
    tril_indices,
    triu_indices,
    zeros,
    zeros_like,
)
from chainrule.autograd.function import Function
from chainrule.autograd.generator import Generator, default_generator, manual_seed
from chainrule.autograd.gradients import backward, grad
from chainrule.autograd.printing import set_printoptions
from chainrule.autograd.random import (
    normal,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
)
from chainrule.autograd.sampling import bernoulli, multinomial
from chainrule.autograd.sparse import SparseTensor, sparse_coo_tensor, sparse_csr_tensor
from chainrule.autograd.tape import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from chainrule.autograd.tensor import Size, Tensor, as_tensor, from_numpy, tensor
from chainrule.autograd.typed import Variable
from chainrule.autograd.windows import (
    bartlett_window,
    blackman_window,
    hamming_window,
    hann_window,
    kaiser_window,
)

__all__ = [
    "Function",
    "Generator",
    "Size",
    "SparseTensor",
    "Tensor",
    "Variable",
    "arange",
    "as_tensor",
    "backward",
    "bartlett_window",
    "bernoulli",
    "blackman_window",
    "default_generator",
    "detect_anomaly",
    "empty",
    "empty_like",
    "enable_grad",
    "eye",
    "from_numpy",
    "full",
    "full_like",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "hamming_window",
    "hann_window",
    "inference_mode",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "kaiser_window",
    "linspace",
    "logspace",
    "manual_seed",
    "multinomial",
    "no_grad",
    "normal",
    "ones",
    "ones_like",
    "profiler",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
    "scalar_tensor",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_printoptions",
    "sparse_coo_tensor",
    "sparse_csr_tensor",
    "tensor",
    "tril_indices",
    "triu_indices",
    "zeros",
    "zeros_like",
]
