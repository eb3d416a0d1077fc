// Pooling, its gradients, and windows laid out side by side: a thread for each number that comes
// out. What several windows give to one pixel is looked up from the pixel's side, so nothing is
// added by two threads at once, and the bits are the same each time.

#define POOL_PARAMETERS int planes, IMAGE_PARAMETERS(image), IMAGE_PARAMETERS(move), WINDOW_PARAMETERS
#define POOL                                                                                    \
    const Image image = IMAGE(image), moves = IMAGE(move);                                      \
    const Window window = WINDOW;                                                               \
    const int pixels = image.pixels(), steps = moves.pixels();                                  \
    const int taps = size0 * size1 * size2

// The largest pixel of a window, and which tap it is; padding never wins, not-a-number always.
struct Won {
    real value;
    int tap;
};
__device__ __forceinline__ Won largest(const real *x, Spot move, const Image &image,
                                       const Window &window, int taps) {
    Won won{-Limits<real>::infinity(), -1};
    for (int k = 0; k < taps; ++k) {
        const Spot spot = met(move, spot_of(k, window.size), window);
        if (!within(spot, image.size)) continue;
        const real v = x[place_of(spot, image.size)];
        if (won.tap < 0 || v > won.value || (v != v && won.value == won.value)) won = Won{v, k};
    }
    return won;
}

extern "C" __global__ void pool_max(const real *x, real *y, POOL_PARAMETERS) {
    POOL;
    FOR_EACH(i, (long long)planes * steps)
        y[i] = largest(x + i / steps * pixels, spot_of(i % steps, moves.size), image, window, taps)
                   .value;
}

template <class Index>
__device__ __forceinline__ void winners(const real *x, Index *y, POOL_PARAMETERS) {
    POOL;
    FOR_EACH(i, (long long)planes * steps) {
        const Won won =
            largest(x + i / steps * pixels, spot_of(i % steps, moves.size), image, window, taps);
        y[i] = won.tap < 0 ? 0 : won.tap;
    }
}
#define POOL_ARGUMENTS                                                                          \
    planes, image0, image1, image2, move0, move1, move2, size0, size1, size2, stride0, stride1, \
        stride2, padding0, padding1, padding2, dilation0, dilation1, dilation2
extern "C" __global__ void pool_winners_u1(const real *x, unsigned char *y, POOL_PARAMETERS) {
    winners(x, y, POOL_ARGUMENTS);
}
extern "C" __global__ void pool_winners_i4(const real *x, int *y, POOL_PARAMETERS) {
    winners(x, y, POOL_ARGUMENTS);
}

// Each pixel gets the g of the windows that it has won.
template <class Index>
__device__ __forceinline__ void spread(const real *g, const Index *won, real *x, POOL_PARAMETERS) {
    POOL;
    FOR_EACH(i, (long long)planes * pixels) {
        const Spot pixel = spot_of(i % pixels, image.size);
        const long long plane = i / pixels * steps;
        real sum = 0;
        for (int k = 0; k < taps; ++k) {
            const Spot move = move_to(pixel, spot_of(k, window.size), window);
            if (!within(move, moves.size)) continue;
            const long long at = plane + place_of(move, moves.size);
            if ((int)won[at] == k) sum += g[at];
        }
        x[i] = sum;
    }
}
extern "C" __global__ void pool_spread_u1(const real *g, const unsigned char *won, real *x,
                                          POOL_PARAMETERS) {
    spread(g, won, x, POOL_ARGUMENTS);
}
extern "C" __global__ void pool_spread_i4(const real *g, const int *won, real *x,
                                          POOL_PARAMETERS) {
    spread(g, won, x, POOL_ARGUMENTS);
}

// The pixel that has won each window; zero where that lies outside.
template <class Index>
__device__ __forceinline__ void picked(const real *x, const Index *won, real *y, POOL_PARAMETERS) {
    POOL;
    FOR_EACH(i, (long long)planes * steps) {
        const int k = won[i];
        const Spot spot = met(spot_of(i % steps, moves.size), spot_of(k, window.size), window);
        const bool there = k >= 0 && k < taps && within(spot, image.size);
        y[i] = there ? x[i / steps * pixels + place_of(spot, image.size)] : (real)0;
    }
}
extern "C" __global__ void pool_picked_u1(const real *x, const unsigned char *won, real *y,
                                          POOL_PARAMETERS) {
    picked(x, won, y, POOL_ARGUMENTS);
}
extern "C" __global__ void pool_picked_i4(const real *x, const int *won, real *y,
                                          POOL_PARAMETERS) {
    picked(x, won, y, POOL_ARGUMENTS);
}

extern "C" __global__ void pool_sum(const real *x, real *y, POOL_PARAMETERS) {
    POOL;
    FOR_EACH(i, (long long)planes * steps) {
        const Spot move = spot_of(i % steps, moves.size);
        const real *from = x + i / steps * pixels;
        real sum = 0;
        for (int k = 0; k < taps; ++k) {
            const Spot spot = met(move, spot_of(k, window.size), window);
            if (within(spot, image.size)) sum += from[place_of(spot, image.size)];
        }
        y[i] = sum;
    }
}

// What a pixel gets of all windows that it is in; what they give to a tap lies `each` after what
// they give to the one before.
__device__ __forceinline__ void gathered(const real *g, real *x, int each, POOL_PARAMETERS) {
    POOL;
    FOR_EACH(i, (long long)planes * pixels) {
        const Spot pixel = spot_of(i % pixels, image.size);
        const real *from = g + i / pixels * (each ? taps * steps : steps);
        real sum = 0;
        for (int k = 0; k < taps; ++k) {
            const Spot move = move_to(pixel, spot_of(k, window.size), window);
            if (within(move, moves.size))
                sum += from[(long long)k * each + place_of(move, moves.size)];
        }
        x[i] = sum;
    }
}
extern "C" __global__ void pool_sum_spread(const real *g, real *x, POOL_PARAMETERS) {
    gathered(g, x, 0, POOL_ARGUMENTS);
}

// --- windows side by side: (planes, taps, moves) ------------------------------------------------

extern "C" __global__ void unfold(const real *x, real *y, POOL_PARAMETERS) {
    POOL;
    FOR_EACH(i, (long long)planes * taps * steps) {
        const int k = i / steps % taps;
        const Spot spot = met(spot_of(i % steps, moves.size), spot_of(k, window.size), window);
        const long long plane = i / steps / taps * pixels;
        y[i] = within(spot, image.size) ? x[plane + place_of(spot, image.size)] : (real)0;
    }
}

extern "C" __global__ void fold(const real *g, real *x, POOL_PARAMETERS) {
    gathered(g, x, move0 * move1 * move2, POOL_ARGUMENTS);
}
