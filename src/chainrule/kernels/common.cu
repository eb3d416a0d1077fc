// What all texts share. `real` is the type of the numbers, given as REAL when a text is compiled.
// Nothing is included: the compiler at run time has no headers.

typedef REAL real;

#define FULL 0xffffffffu

template <class A> struct Limits;
template <> struct Limits<float> {
    static __device__ __forceinline__ float infinity() { return __int_as_float(0x7f800000); }
};
template <> struct Limits<double> {
    static __device__ __forceinline__ double infinity() {
        return __longlong_as_double(0x7ff0000000000000ll);
    }
};

// The turns of a thread of a one-dimensional grid with less than 2^31 elements: counted without a
// sign, so that the last step does not overflow, and with 32 bits, since divisions of 64 take long.
#define FOR_EACH(i, count)                                                                      \
    for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < (unsigned)(count);             \
         i += gridDim.x * blockDim.x)

// The sum over lanes, the same in every one of them.
template <int LANES> __device__ __forceinline__ real lanes_sum(real x) {
    for (int by = LANES / 2; by; by /= 2) x += __shfl_xor_sync(FULL, x, by);
    return x;
}
template <int LANES> __device__ __forceinline__ real lanes_max(real x) {
    for (int by = LANES / 2; by; by /= 2) {
        const real other = __shfl_xor_sync(FULL, x, by);
        x = other > x ? other : x;
    }
    return x;
}

// A window that moves over images of up to three dimensions; of fewer, the first sizes are 1.
struct Window {
    int size[3], stride[3], padding[3], dilation[3];
};
#define WINDOW_PARAMETERS                                                                       \
    int size0, int size1, int size2, int stride0, int stride1, int stride2, int padding0,       \
        int padding1, int padding2, int dilation0, int dilation1, int dilation2
#define WINDOW                                                                                  \
    Window {                                                                                    \
        {size0, size1, size2}, {stride0, stride1, stride2}, {padding0, padding1, padding2}, {   \
            dilation0, dilation1, dilation2                                                     \
        }                                                                                       \
    }
struct Image {
    int size[3];
    __device__ __forceinline__ int pixels() const { return size[0] * size[1] * size[2]; }
};
#define IMAGE_PARAMETERS(name) int name##0, int name##1, int name##2
#define IMAGE(name) Image { { name##0, name##1, name##2 } }

// Three numbers that together count `i` in an image, row by row.
struct Spot {
    int d, h, w;
};
__device__ __forceinline__ Spot spot_of(int i, const int *size) {
    Spot spot;
    spot.w = i % size[2];
    i /= size[2];
    spot.h = i % size[1];
    spot.d = i / size[1];
    return spot;
}
__device__ __forceinline__ bool within(Spot spot, const int *size) {
    // Negative numbers are large unsigned ones.
    return (unsigned)spot.d < (unsigned)size[0] && (unsigned)spot.h < (unsigned)size[1] &&
           (unsigned)spot.w < (unsigned)size[2];
}
__device__ __forceinline__ int place_of(Spot spot, const int *size) {
    return (spot.d * size[1] + spot.h) * size[2] + spot.w;
}
// The pixel that a tap meets when the window has moved so far; it may lie outside.
__device__ __forceinline__ Spot met(Spot move, Spot tap, const Window &window) {
    return Spot{move.d * window.stride[0] - window.padding[0] + tap.d * window.dilation[0],
                move.h * window.stride[1] - window.padding[1] + tap.h * window.dilation[1],
                move.w * window.stride[2] - window.padding[2] + tap.w * window.dilation[2]};
}
// The move in which a tap meets a pixel, or a spot outside `moves` if there is none.
__device__ __forceinline__ Spot move_to(Spot pixel, Spot tap, const Window &window) {
    const int d = pixel.d + window.padding[0] - tap.d * window.dilation[0];
    const int h = pixel.h + window.padding[1] - tap.h * window.dilation[1];
    const int w = pixel.w + window.padding[2] - tap.w * window.dilation[2];
    if (d < 0 || h < 0 || w < 0 || d % window.stride[0] || h % window.stride[1] ||
        w % window.stride[2])
        return Spot{-1, -1, -1};
    return Spot{d / window.stride[0], h / window.stride[1], w / window.stride[2]};
}

// The 64 random bits at a place of a sequence: a mixing of key and place. `state` is key and counter.
typedef unsigned long long Bits;

__device__ __forceinline__ Bits bits_at(const Bits *state, Bits place) {
    Bits z = (place + state[1] + 1) * 0x9E3779B97F4A7C15ull + state[0];
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}
