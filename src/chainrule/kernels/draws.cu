// Random numbers that are counted, not chained: the number at a place of the sequence is a mixing of
// key and place, as the processor mixes them, so both draw the same bits. The state is key and counter;
// `advance` moves it on once all have read it.

template <class A> struct Digits;
template <> struct Digits<float> { static const int count = 24; };
template <> struct Digits<double> { static const int count = 53; };

// Evenly from [0, 1), with as many digits as the type has.
template <class A> __device__ __forceinline__ A uniform_at(const Bits *state, Bits place) {
    const int digits = Digits<A>::count;
    return (A)(bits_at(state, place) >> (64 - digits)) * ((A)1 / (A)(1ull << digits));
}

extern "C" __global__ void draw_uniform(const Bits *state, real *y, int count) {
    FOR_EACH(i, count) y[i] = uniform_at<real>(state, i);
}

// Each thread makes two of one circle, which lie half of all apart.
extern "C" __global__ void draw_normal(const Bits *state, real *y, int count) {
    const int half = (count + 1) / 2;
    FOR_EACH(i, half) {
        const double u = uniform_at<double>(state, i), v = uniform_at<double>(state, half + i);
        const double radius = sqrt(-2 * log1p(-u)), angle = 6.283185307179586 * v;
        y[i] = (real)(radius * cos(angle));
        if (half + i < count) y[half + i] = (real)(radius * sin(angle));
    }
}

extern "C" __global__ void draw_mask(const Bits *state, real *y, int count, Bits least, real kept) {
    FOR_EACH(i, count) y[i] = bits_at(state, i) >= least ? kept : (real)0;
}

extern "C" __global__ void draw_bits(const Bits *state, Bits *y, int count) {
    FOR_EACH(i, count) y[i] = bits_at(state, i);
}

extern "C" __global__ void advance(Bits *state, Bits count) { state[1] += count; }
