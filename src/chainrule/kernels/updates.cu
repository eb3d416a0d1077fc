// The steps of the optimisers: one pass over a parameter, its gradient and what is remembered.
//
// Numbers that a schedule turns come as a place in memory, or as themselves where that is nowhere:
// a captured graph reads them anew in every launch. What is made of them for all elements is
// computed once a block, with 64 bits.

#define NUMBER(name) const double *name##_at, double name##_is
#define VALUE(name) (name##_at ? *name##_at : name##_is)

// The gradient, uphill if asked, with that of the penalty added.
__device__ __forceinline__ real slope(real x, real g, real decay, int maximize) {
    if (maximize) g = -g;
    return decay != 0 ? x * decay + g : g;
}
__device__ __forceinline__ real larger(real a, real b) { return b > a || b != b ? b : a; }

extern "C" __global__ void sgd(real *x, const real *g, real *buffer, int size, NUMBER(lr),
                               NUMBER(momentum), NUMBER(dampening), NUMBER(decay), int nesterov,
                               int maximize) {
    const real rate = (real)VALUE(lr), kept = (real)VALUE(momentum), penalty = (real)VALUE(decay);
    const real taken = (real)(1 - VALUE(dampening));
    FOR_EACH(i, size) {
        const real at = x[i];
        real step = slope(at, g[i], penalty, maximize);
        if (kept != 0) {
            const real v = buffer[i] * kept + step * taken;
            buffer[i] = v;
            step = nesterov ? step + v * kept : v;
        }
        x[i] = at - step * rate;
    }
}

extern "C" __global__ void adam(real *x, const real *g, real *mean, real *square, real *most,
                                int size, NUMBER(lr), NUMBER(step), NUMBER(beta1), NUMBER(beta2),
                                NUMBER(eps), NUMBER(decay), int amsgrad, int decoupled,
                                int maximize) {
    __shared__ real for_all[3];
    if (threadIdx.x == 0) {
        // lr m' / (sqrt(v') + eps) = factor m / (sqrt(v) + floor)
        const double root = sqrt(1 - pow(VALUE(beta2), VALUE(step)));
        for_all[0] = (real)(VALUE(lr) * root / (1 - pow(VALUE(beta1), VALUE(step))));
        for_all[1] = (real)(VALUE(eps) * root);
        for_all[2] = (real)(1 - VALUE(lr) * VALUE(decay));
    }
    __syncthreads();
    const real factor = for_all[0], floor = for_all[1];
    const real shrunk = decoupled ? for_all[2] : (real)1;
    const real penalty = decoupled ? (real)0 : (real)VALUE(decay);
    const real share = (real)(1 - VALUE(beta1)), kept = (real)VALUE(beta2);
    const real taken = (real)(1 - VALUE(beta2));
    FOR_EACH(i, size) {
        const real at = x[i], s = slope(at, g[i], penalty, maximize);
        const real m = mean[i] + (s - mean[i]) * share;
        const real v = square[i] * kept + s * s * taken;
        mean[i] = m;
        square[i] = v;
        real under = v;
        if (amsgrad) most[i] = under = larger(most[i], v);
        x[i] = at * shrunk - m / (sqrt(under) + floor) * factor;
    }
}

extern "C" __global__ void rmsprop(real *x, const real *g, real *square, real *buffer, real *mean,
                                   int size, NUMBER(lr), NUMBER(alpha), NUMBER(eps), NUMBER(decay),
                                   NUMBER(momentum), int centered, int maximize) {
    const real rate = (real)VALUE(lr), kept = (real)VALUE(alpha), floor = (real)VALUE(eps);
    const real taken = (real)(1 - VALUE(alpha)), penalty = (real)VALUE(decay);
    const real momentum = (real)VALUE(momentum);
    FOR_EACH(i, size) {
        const real at = x[i], s = slope(at, g[i], penalty, maximize);
        const real v = square[i] * kept + s * s * taken;
        square[i] = v;
        real under = v;
        if (centered) {
            const real m = mean[i] + (s - mean[i]) * taken;
            mean[i] = m;
            under = v - m * m;
        }
        real step = s / (sqrt(under) + floor);
        if (momentum != 0) buffer[i] = step = buffer[i] * momentum + step;
        x[i] = at - step * rate;
    }
}

extern "C" __global__ void adagrad(real *x, const real *g, real *sum, int size, NUMBER(lr),
                                   NUMBER(step), NUMBER(lr_decay), NUMBER(decay), NUMBER(eps),
                                   int maximize) {
    const real rate = (real)(VALUE(lr) / (1 + (VALUE(step) - 1) * VALUE(lr_decay)));
    const real penalty = (real)VALUE(decay), floor = (real)VALUE(eps);
    FOR_EACH(i, size) {
        const real at = x[i], s = slope(at, g[i], penalty, maximize);
        const real all = sum[i] + s * s;
        sum[i] = all;
        x[i] = at - s / (sqrt(all) + floor) * rate;
    }
}
