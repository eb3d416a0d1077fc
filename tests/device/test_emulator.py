"""The emulator itself: what kernels may do, and what it must refuse."""

from __future__ import annotations

import numpy as np
import pytest

from device.emulator import build
from device.emulator.build import CompileError
from device.emulator.launch import LaunchError, Order, RawKernel, RawModule

pytestmark = pytest.mark.skipif(build.COMPILER is None, reason="there is no g++")

TEXT = r"""
template <class T> __device__ T warp_sum(T x) {
    for (int by = 16; by; by /= 2) x += __shfl_xor_sync(0xffffffffu, x, by);
    return x;
}

extern "C" __global__ void __launch_bounds__(256) total(const float *x, float *y, int n) {
    __shared__ float parts[32];
    float sum = 0;
    for (int i = threadIdx.x; i < n; i += blockDim.x) sum += x[(long long)blockIdx.x * n + i];
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x < 32) {
        sum = threadIdx.x < blockDim.x / 32 ? parts[threadIdx.x] : 0;
        sum = warp_sum(sum);
        if (threadIdx.x == 0) y[blockIdx.x] = sum;
    }
}

extern "C" __global__ void count(const int *of, unsigned long long *counts, int *most, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    atomicAdd(&counts[of[i]], 1ull);
    atomicMax(most, of[i]);
}

extern "C" __global__ void turn(const double *x, double *y) {
    extern __shared__ double tile[];
    int at = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    tile[at] = x[at];
    __syncthreads();
    y[at] = tile[blockDim.x * blockDim.y * blockDim.z - 1 - at];
}

extern "C" __global__ void unguarded(const float *x, float *y) {
    __shared__ float tile[64];
    tile[threadIdx.x] = x[threadIdx.x];
    y[threadIdx.x] = tile[63 - threadIdx.x];
}

extern "C" __global__ void half_wait(float *y) {
    if (threadIdx.x < 16) __syncthreads();
    y[threadIdx.x] = 1;
}

extern "C" __global__ void part_ways(float *y) {
    if (threadIdx.x < 16)
        __syncthreads();
    else
        __syncthreads();
    y[threadIdx.x] = 1;
}

extern "C" __global__ void ask_who_left(float *y) {
    if (threadIdx.x >= 16) return;
    y[threadIdx.x] = __shfl_down_sync(0xffffffffu, 1.0f, 16);
}

extern "C" __global__ void ask_outside(float *y) {
    if (threadIdx.x < 16) y[threadIdx.x] = __shfl_sync(0xffffu, 1.0f, 20);
}

extern "C" __global__ void reach(float *y, int from, int to) {
    if (from != to) y[to] = y[from];
}

extern "C" __global__ void divide(int *y, int by) { y[0] = 7 / by; }

extern "C" __global__ void votes(const int *x, unsigned *y) {
    unsigned b = __ballot_sync(0xffffffffu, x[threadIdx.x] > 0);
    if (threadIdx.x == 0) y[0] = b;
}

extern "C" __global__ void lines(const float4 *x, float *y) {
    float4 v = x[threadIdx.x];
    y[threadIdx.x] = v.x + v.y + v.z + v.w;
}
"""


class OnDevice:
    """The least that the emulator takes for an array."""

    def __init__(self, memory):
        self.memory = np.asarray(memory)


@pytest.fixture(params=[False, True], ids=["forwards", "backwards"])
def order(request, monkeypatch):
    monkeypatch.setattr(Order, "backwards", request.param)


@pytest.fixture
def module():
    return RawModule(code=TEXT, options=("-std=c++17",))


def run(module, name, grid, block, *args, **rest):
    """Launch with arrays wrapped, and return those that were given."""
    wrapped = tuple(OnDevice(a) if isinstance(a, np.ndarray) else a for a in args)
    module.get_function(name)(grid, block, wrapped, **rest)


# --- what kernels do ----------------------------------------------------------------------------


@pytest.mark.usefixtures("order")
@pytest.mark.parametrize("n", [1, 31, 32, 257, 1000])
def test_sum_through_shuffles_and_shared_memory(module, n):
    x = np.random.default_rng(n).standard_normal((3, n)).astype(np.float32)
    y = np.zeros(3, np.float32)
    run(module, "total", (3,), (256,), x, y, np.int32(n))
    np.testing.assert_allclose(y, x.sum(axis=1), rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("order")
def test_atomic_operations(module):
    of = np.random.default_rng(0).integers(0, 7, 1000).astype(np.int32)
    counts, most = np.zeros(7, np.uint64), np.full(1, -5, np.int32)
    run(module, "count", (4,), (256,), of, counts, most, np.int32(1000))
    assert counts.tolist() == np.bincount(of, minlength=7).tolist()
    assert most == of.max()


@pytest.mark.usefixtures("order")
def test_dynamic_shared_memory_in_three_dimensions(module):
    x, y = np.arange(24.0), np.zeros(24)
    run(module, "turn", (1,), (2, 3, 4), x, y, shared_mem=24 * 8)
    assert y.tolist() == x[::-1].tolist()


def test_ballot(module):
    x, y = np.arange(32, dtype=np.int32) % 3, np.zeros(1, np.uint32)
    run(module, "votes", (1,), (32,), x, y)
    assert y[0] == sum(1 << i for i in range(32) if i % 3)


def test_shared_memory_begins_as_nonsense(module):
    # Without the barrier the first threads read what the last have not written yet.
    x, y = np.ones(64, np.float32), np.zeros(64, np.float32)
    run(module, "unguarded", (1,), (64,), x, y)
    assert np.isnan(y[:32]).all()
    assert (y[32:] == 1).all()


def test_arrays_that_overlap_stay_one(module):
    y = np.arange(8, dtype=np.float32)
    kernel = RawKernel(
        'extern "C" __global__ void move(const float *x, float *y)'
        "{ y[threadIdx.x] = x[threadIdx.x] + 1; }",
        "move",
    )
    kernel((1,), (4,), (OnDevice(y[2:]), OnDevice(y[:6])))
    assert y.tolist() == [3, 4, 5, 6, 4, 5, 6, 7]


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.usefixtures("order")
def test_a_barrier_that_some_never_reach(module):
    with pytest.raises(LaunchError, match=r"16 of 32 threads wait at a barrier.*16 have left"):
        run(module, "half_wait", (1,), (32,), np.zeros(32, np.float32))


@pytest.mark.usefixtures("order")
def test_two_barriers_for_one(module):
    with pytest.raises(LaunchError, match="meet at different barriers"):
        run(module, "part_ways", (1,), (32,), np.zeros(32, np.float32))


def test_lanes_that_have_left(module):
    with pytest.raises(LaunchError, match="16 in their warps, and 16 have left"):
        run(module, "ask_who_left", (1,), (32,), np.zeros(32, np.float32))


def test_lanes_that_are_not_there(module):
    x = np.ones((1, 5), np.float32)
    with pytest.raises(LaunchError, match="asks for lane 16, and the block has only 16 threads"):
        run(module, "total", (1,), (16,), x, np.zeros(1, np.float32), np.int32(5))


def test_lanes_outside_the_mask(module):
    with pytest.raises(LaunchError, match="value of lane 20, which the mask 0000ffff leaves out"):
        run(module, "ask_outside", (1,), (32,), np.zeros(32, np.float32))


@pytest.mark.parametrize(("start", "stop"), [(10, 0), (-5000, 0), (0, 4)])
def test_places_outside_an_array(module, start, stop):
    y = np.arange(4, dtype=np.float32)
    with pytest.raises(LaunchError, match="outside its arrays"):
        run(module, "reach", (1,), (1,), y, np.int32(start), np.int32(stop))
    assert y.tolist() == [0, 1, 2, 3]


def test_writing_beside_an_array(module):
    for place in (-1, -3, 5):  # five numbers end four bytes before the next multiple of 16
        y = np.zeros(5, np.float32)
        with pytest.raises(LaunchError, match="beside an array of 20 bytes"):
            run(module, "reach", (1,), (1,), y, np.int32(0), np.int32(place))


def test_an_empty_array_cannot_be_read(module):
    with pytest.raises(LaunchError, match="outside its arrays"):
        run(module, "reach", (1,), (1,), np.zeros(0, np.float32), np.int32(0), np.int32(1))


def test_division_by_zero(module):
    with pytest.raises(LaunchError, match=r"thread .0, 0, 0. of block .0, 0, 0. divides by zero"):
        run(module, "divide", (1,), (1,), np.zeros(1, np.int32), np.int32(0))


def test_a_launch_after_a_failed_one(module):
    for _ in range(2):
        with pytest.raises(LaunchError):
            run(module, "half_wait", (1,), (32,), np.zeros(32, np.float32))
        x, y = np.ones((1, 100), np.float32), np.zeros(1, np.float32)
        run(module, "total", (1,), (64,), x, y, np.int32(100))
        assert y == 100


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((np.zeros(4), np.int32(0), np.int32(1)), "argument 0 is f8.., parameter pf4"),
        ((np.zeros(4, np.float32), 0, np.int32(1)), "argument 1 is i8, parameter i4"),
        ((np.zeros(4, np.float32), np.float32(0), np.int32(1)), "argument 1 is f4, parameter i4"),
        ((np.zeros(4, np.float32), np.int32(0)), "takes 3 arguments, got 2"),
    ],
    ids=["array", "python-int", "float-for-int", "too-few"],
)
def test_arguments_of_other_types(module, args, message):
    with pytest.raises(LaunchError, match=message):
        run(module, "reach", (1,), (1,), *args)


def test_an_array_of_the_processor(module):
    with pytest.raises(TypeError, match=r"Unsupported type <class .numpy.ndarray.>"):
        module.get_function("reach")(
            (1,), (1,), (np.zeros(4, np.float32), np.int32(0), np.int32(1))
        )


@pytest.mark.parametrize(
    ("grid", "block", "shared"),
    [((0,), (1,), 0), ((1,), (1025,), 0), ((1, 65536), (1,), 0), ((1,), (1, 1, 65), 0),
     ((1,), (1,), 49 << 10)],
    ids=["no-block", "threads", "grid", "depth", "shared"],
)  # fmt: skip
def test_launches_that_no_gpu_takes(module, grid, block, shared):
    with pytest.raises(LaunchError, match="CUDA_ERROR_INVALID_VALUE"):
        run(module, "divide", grid, block, np.zeros(1, np.int32), np.int32(1), shared_mem=shared)


def test_a_kernel_that_is_not_there(module):
    with pytest.raises(LaunchError, match="named symbol not found: nothing"):
        module.get_function("nothing")


def test_a_text_with_an_error_and_one_with_headers():
    with pytest.raises(CompileError, match="undeclared"):
        RawModule(code='extern "C" __global__ void f(int *x) { x[0] = undeclared; }').compile()
    with pytest.raises(CompileError, match="must include none"):
        RawModule(code="#include <cmath>\n").compile()


def test_vectors_of_four(module):
    x, y = np.arange(16, dtype=np.float32), np.zeros(4, np.float32)
    run(module, "lines", (1,), (4,), x, y)
    assert y.tolist() == x.reshape(4, 4).sum(axis=1).tolist()
