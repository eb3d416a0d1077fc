// The gates of recurrent units, one step at a time: between two products of cuBLAS everything that
// is done to the sums, in one pass. Rows of all steps lie one after another; a step has `count`
// numbers of the state and begins after `before` of them. What is remembered of all steps lies in
// planes, of `plane` numbers each.

__device__ __forceinline__ real opened(real x) { return 1 / (1 + exp(-x)); }

// Planes: h, c, i, f, z, o.
extern "C" __global__ void lstm_step(const real *sums, const real *a, const real *c, real *seen,
                                     int count, int hidden, int before, int plane) {
    FOR_EACH(k, count) {
        const long long row = k / hidden * 4 * hidden + k % hidden;
        const real *own = sums + row, *given = a + 4ll * before + row;
        const real i = opened(own[0] + given[0]);
        const real f = opened(own[hidden] + given[hidden]);
        const real z = tanh(own[2 * hidden] + given[2 * hidden]);
        const real o = opened(own[3 * hidden] + given[3 * hidden]);
        const real state = f * c[k] + i * z;
        real *to = seen + before + k;
        to[0] = o * tanh(state);
        to[plane] = state;
        to[2ll * plane] = i;
        to[3ll * plane] = f;
        to[4ll * plane] = z;
        to[5ll * plane] = o;
    }
}

// Of g and `states` planes h and c, of `gates` planes i, f, z and o; dc is changed.
extern "C" __global__ void lstm_step_back(const real *g, const real *states, const real *gates,
                                          const real *c, const real *dh, real *dc, real *slopes,
                                          int count, int hidden, int before, int plane) {
    FOR_EACH(k, count) {
        const long long at = before + k;
        const real i = gates[at], f = gates[at + plane];
        const real z = gates[at + 2ll * plane], o = gates[at + 3ll * plane];
        const real held = tanh(states[at + plane]);
        const real to_h = g[at] + dh[k];
        const real to_c = g[at + plane] + dc[k] + to_h * o * (1 - held * held);
        real *to = slopes + k / hidden * 4 * hidden + k % hidden;
        to[0] = z * i * (1 - i) * to_c;
        to[hidden] = c[k] * f * (1 - f) * to_c;
        to[2 * hidden] = i * (1 - z * z) * to_c;
        to[3 * hidden] = held * o * (1 - o) * to_h;
        dc[k] = to_c * f;
    }
}

// Planes: h, r, z, n, and the part of n's sum that r multiplies.
extern "C" __global__ void gru_step(const real *sums, const real *a, const real *b, const real *h,
                                    real *seen, int count, int hidden, int before, int plane) {
    FOR_EACH(k, count) {
        const int j = k % hidden;
        const long long row = k / hidden * 3 * hidden + j;
        const real *own = sums + row, *given = a + 3ll * before + row;
        const real r = opened(own[0] + b[j] + given[0]);
        const real z = opened(own[hidden] + b[j + hidden] + given[hidden]);
        const real last = own[2 * hidden] + b[j + 2 * hidden];
        const real n = tanh(given[2 * hidden] + r * last);
        real *to = seen + before + k;
        to[0] = (h[k] - n) * z + n;
        to[plane] = r;
        to[2ll * plane] = z;
        to[3ll * plane] = n;
        to[4ll * plane] = last;
    }
}

// Slopes of the sums of r, z and n and of what r multiplies, to their rows; those of r, z and the
// last, which h before the step has made, to `own` too. dh becomes what passes by the gates.
extern "C" __global__ void gru_step_back(const real *g, const real *gates, const real *h, real *dh,
                                         real *slopes, real *own, int count, int hidden, int before,
                                         int plane) {
    FOR_EACH(k, count) {
        const long long at = before + k;
        const real r = gates[at], z = gates[at + plane];
        const real n = gates[at + 2ll * plane], last = gates[at + 3ll * plane];
        const real to_h = g[at] + dh[k];
        const real of_n = to_h * (1 - z) * (1 - n * n), of_last = of_n * r;
        const real of_r = of_last * last * (1 - r), of_z = to_h * z * (1 - z) * (h[k] - n);
        real *to = slopes + k / hidden * 4 * hidden + k % hidden;
        to[0] = of_r;
        to[hidden] = of_z;
        to[2 * hidden] = of_n;
        to[3 * hidden] = of_last;
        real *passed = own + k / hidden * 3 * hidden + k % hidden;
        passed[0] = of_r;
        passed[hidden] = of_z;
        passed[2 * hidden] = of_last;
        dh[k] = to_h * z;
    }
}
