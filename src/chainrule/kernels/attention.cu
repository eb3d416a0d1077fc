// Attention, a tile of queries and keys at a time: what lies between scores and result is never in
// memory. T. Dao and others, "FlashAttention: fast and memory-efficient exact attention with
// IO-awareness", NeurIPS 2022; the softmax as it goes is that of M. Milakov and N. Gimelshein, "Online
// normalizer calculation for softmax", 2018.
//
// A block of 16 x 16 threads has a tile of 32 queries by 32 keys; of scores each thread makes those
// of rows ty and ty + 16 and columns tx and tx + 16, of results every sixteenth column of the same
// rows. A row is thus in the hands of half a warp, which finds maxima and sums by shuffles. On the
// way back one kernel has a tile of queries (what each row's softmax was, then dQ), another a tile
// of keys (dK and dV over all queries, and all heads that share the keys): nothing is added by two
// blocks to one place, and the bits are the same each time.

#define SIDE 32
#define LANES 16
#define MOST 8  // results of a thread in a row: up to 128 columns
// Blocks that a multiprocessor's registers must be enough for.
constexpr int RESIDENT = sizeof(real) == 4 ? 2 : 1;

struct Heads {
    int heads, own, rows, keys, inside, outside;  // query heads, key heads, L, S, E, Ev
    real scale;
    int causal;
    // The mask: 0 none, 1 truth values, 2 numbers; and its steps by batch, head, row and key.
    int masked;
    const unsigned char *truths;
    const real *numbers;
    int by_batch, by_head, by_row, by_key;
    // Dropout: the least bits that are kept and what multiplies them; no state, no dropout.
    const Bits *state;
    Bits least;
    real kept;
};
#define HEADS_PARAMETERS                                                                        \
    int heads, int own, int rows, int keys, int inside, int outside, real scale, int causal,    \
        int masked, const unsigned char *truths, const real *numbers, int by_batch, int by_head, \
        int by_row, int by_key, const Bits *state, Bits least, real kept
#define HEADS                                                                                   \
    Heads {                                                                                     \
        heads, own, rows, keys, inside, outside, scale, causal, masked, truths, numbers,        \
            by_batch, by_head, by_row, by_key, state, least, kept                               \
    }

// Rows of a matrix to shared memory, zeros after the last; a row there is one longer than needed,
// so that a column lies in different banks.
__device__ __forceinline__ void bring(real *to, const real *from, int first, int count, int width) {
    for (int i = threadIdx.x; i < SIDE * width; i += LANES * LANES) {
        const int row = i / width, column = i % width;
        to[row * (width + 1) + column] =
            first + row < count ? from[(long long)(first + row) * width + column] : (real)0;
    }
}

// Of rows ty and ty + 16 of one tile the products with rows tx and tx + 16 of another.
__device__ __forceinline__ void square(real (&products)[2][2], const real *a, const real *b,
                                       int width, int ty, int tx) {
    const real *above = a + ty * (width + 1), *below = above + LANES * (width + 1);
    const real *left = b + tx * (width + 1), *right = left + LANES * (width + 1);
    products[0][0] = products[0][1] = products[1][0] = products[1][1] = 0;
#pragma unroll 4
    for (int e = 0; e < width; ++e) {
        products[0][0] += above[e] * left[e];
        products[0][1] += above[e] * right[e];
        products[1][0] += below[e] * left[e];
        products[1][1] += below[e] * right[e];
    }
}

// To a thread's sums the product of its two rows of a square and its columns of a tile of rows.
__device__ __forceinline__ void add_rows(real (&sums)[2][MOST], const real *weights,
                                         const real *rows, int width, int ty, int tx) {
#pragma unroll 2
    for (int c = 0; c < SIDE; ++c) {
        const real above = weights[ty * (SIDE + 1) + c];
        const real below = weights[(ty + LANES) * (SIDE + 1) + c];
#pragma unroll
        for (int j = 0; j < MOST; ++j) {
            if (tx + j * LANES >= width) break;
            const real one = rows[c * (width + 1) + tx + j * LANES];
            sums[0][j] += above * one;
            sums[1][j] += below * one;
        }
    }
}

// A score with everything that is done to it; `head` counts batch and query head together.
__device__ __forceinline__ real score(const Heads &at, real product, int head, int row, int key) {
    const real nothing = -Limits<real>::infinity();
    if (key >= at.keys || row >= at.rows || (at.causal && key > row)) return nothing;
    const real s = product * at.scale;
    if (!at.masked) return s;
    const long long place = (long long)(head / at.heads) * at.by_batch +
                            (long long)(head % at.heads) * at.by_head +
                            (long long)row * at.by_row + (long long)key * at.by_key;
    if (at.masked == 1) return at.truths[place] ? s : nothing;
    return s + at.numbers[place];
}

// What dropout multiplies a weight by.
__device__ __forceinline__ real keep(const Heads &at, int head, int row, int key) {
    if (!at.state) return 1;
    const Bits place = ((Bits)head * at.rows + row) * at.keys + key;
    return bits_at(at.state, place) >= at.least ? at.kept : (real)0;
}

// e^(s - top), nothing for a score of minus infinity.
__device__ __forceinline__ real weight(real s, real top) {
    return s == -Limits<real>::infinity() ? (real)0 : exp(s - top);
}

// Keys that some row of a tile may see end here.
__device__ __forceinline__ int last_key(const Heads &at, int first_row) {
    return at.causal ? min(at.keys, first_row + SIDE) : at.keys;
}

extern "C" __global__ void __launch_bounds__(LANES *LANES, RESIDENT)
    attend(const real *query, const real *key, const real *value, real *y, HEADS_PARAMETERS) {
    const Heads at = HEADS;
    extern __shared__ real memory[];
    real *q = memory, *k = q + SIDE * (inside + 1), *v = k + SIDE * (inside + 1);
    real *weights = v + SIDE * (outside + 1);
    const int head = blockIdx.y, shared = head / heads * own + head % heads / (heads / own);
    const int first = blockIdx.x * SIDE, ty = threadIdx.x / LANES, tx = threadIdx.x % LANES;
    query += (long long)head * rows * inside;
    key += (long long)shared * keys * inside;
    value += (long long)shared * keys * outside;
    real top[2], total[2] = {}, sums[2][MOST] = {};
    top[0] = top[1] = -Limits<real>::infinity();
    bring(q, query, first, rows, inside);
    const int end = last_key(at, first);
    for (int begin = 0; begin < end; begin += SIDE) {
        bring(k, key, begin, keys, inside);
        bring(v, value, begin, keys, outside);
        __syncthreads();
        real products[2][2];
        square(products, q, k, inside, ty, tx);
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            const int r = ty + i * LANES, row = first + r;
            real s[2];
            for (int j = 0; j < 2; ++j)
                s[j] = score(at, products[i][j], head, row, begin + tx + j * LANES);
            const real most = lanes_max<LANES>(s[0] > s[1] || s[0] != s[0] ? s[0] : s[1]);
            const real now = most > top[i] ? most : top[i];
            const real shrunk = weight(top[i], now);
            const real w0 = weight(s[0], now), w1 = weight(s[1], now);
            total[i] = total[i] * shrunk + lanes_sum<LANES>(w0 + w1);
            top[i] = now;
            weights[r * (SIDE + 1) + tx] = w0 * keep(at, head, row, begin + tx);
            weights[r * (SIDE + 1) + tx + LANES] = w1 * keep(at, head, row, begin + tx + LANES);
#pragma unroll
            for (int j = 0; j < MOST; ++j) sums[i][j] *= shrunk;
        }
        __syncthreads();
        add_rows(sums, weights, v, outside, ty, tx);
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        const int row = first + ty + i * LANES;
        if (row >= rows) continue;
        real *to = y + ((long long)head * rows + row) * outside;
#pragma unroll
        for (int j = 0; j < MOST; ++j)
            if (tx + j * LANES < outside)
                to[tx + j * LANES] = total[i] == 0 ? (real)0 : sums[i][j] / total[i];
    }
}

// What each row's softmax was (its maximum, its sum, and the sum of W C over keys, in `found`), and
// dQ; with weights W and C = keep g V^T, dS = W (C - sum of W C).
extern "C" __global__ void __launch_bounds__(LANES *LANES, RESIDENT)
    attend_back_rows(const real *g, const real *query, const real *key, const real *value,
                     real *found, real *dq, HEADS_PARAMETERS) {
    const Heads at = HEADS;
    extern __shared__ real memory[];
    real *q = memory, *k = q + SIDE * (inside + 1), *own_g = k + SIDE * (inside + 1);
    real *v = own_g + SIDE * (outside + 1), *slopes = v + SIDE * (outside + 1);
    const int head = blockIdx.y, shared = head / heads * own + head % heads / (heads / own);
    const int first = blockIdx.x * SIDE, ty = threadIdx.x / LANES, tx = threadIdx.x % LANES;
    query += (long long)head * rows * inside;
    g += (long long)head * rows * outside;
    key += (long long)shared * keys * inside;
    value += (long long)shared * keys * outside;
    real top[2], total[2] = {}, mean[2] = {}, sums[2][MOST] = {};
    top[0] = top[1] = -Limits<real>::infinity();
    bring(q, query, first, rows, inside);
    bring(own_g, g, first, rows, outside);
    const int end = last_key(at, first);
    for (int pass = 0; pass < 2; ++pass) {
        for (int begin = 0; begin < end; begin += SIDE) {
            bring(k, key, begin, keys, inside);
            bring(v, value, begin, keys, outside);
            __syncthreads();
            real products[2][2], backs[2][2];
            square(products, q, k, inside, ty, tx);
            square(backs, own_g, v, outside, ty, tx);
#pragma unroll
            for (int i = 0; i < 2; ++i) {
                const int r = ty + i * LANES, row = first + r;
                real s[2], c[2];
                for (int j = 0; j < 2; ++j) {
                    const int own_key = begin + tx + j * LANES;
                    s[j] = score(at, products[i][j], head, row, own_key);
                    c[j] = backs[i][j] * keep(at, head, row, own_key);
                }
                if (pass == 0) {
                    const real most = lanes_max<LANES>(s[0] > s[1] || s[0] != s[0] ? s[0] : s[1]);
                    const real now = most > top[i] ? most : top[i];
                    const real shrunk = weight(top[i], now);
                    const real w0 = weight(s[0], now), w1 = weight(s[1], now);
                    total[i] = total[i] * shrunk + lanes_sum<LANES>(w0 + w1);
                    mean[i] = mean[i] * shrunk + lanes_sum<LANES>(w0 * c[0] + w1 * c[1]);
                    top[i] = now;
                } else {
#pragma unroll
                    for (int j = 0; j < 2; ++j)
                        slopes[r * (SIDE + 1) + tx + j * LANES] =
                            weight(s[j], top[i]) / total[i] * (c[j] - mean[i]) * scale;
                }
            }
            __syncthreads();
            if (pass == 1) {
                add_rows(sums, slopes, k, inside, ty, tx);
                __syncthreads();
            }
        }
        if (pass == 0) {
#pragma unroll
            for (int i = 0; i < 2; ++i) {
                if (total[i] == 0) total[i] = 1;  // nothing is seen, and all weights are zero
                mean[i] /= total[i];
            }
        }
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        const int row = first + ty + i * LANES;
        if (row >= rows) continue;
        const long long place = (long long)head * rows + row;
        if (tx == 0) {
            found[place * 3] = top[i];
            found[place * 3 + 1] = total[i];
            found[place * 3 + 2] = mean[i];
        }
#pragma unroll
        for (int j = 0; j < MOST; ++j)
            if (tx + j * LANES < inside) dq[place * inside + tx + j * LANES] = sums[i][j];
    }
}

// dK and dV of a tile of keys, from all queries of all heads that share them. Threads have rows of
// keys and columns of queries here.
extern "C" __global__ void __launch_bounds__(LANES *LANES, RESIDENT)
    attend_back_keys(const real *g, const real *query, const real *key, const real *value,
                     const real *found, real *dk, real *dv, HEADS_PARAMETERS) {
    const Heads at = HEADS;
    extern __shared__ real memory[];
    real *q = memory, *k = q + SIDE * (inside + 1), *own_g = k + SIDE * (inside + 1);
    real *v = own_g + SIDE * (outside + 1), *slopes = v + SIDE * (outside + 1);
    real *weights = slopes + SIDE * (SIDE + 1);
    const int shared = blockIdx.y, each = heads / own;
    const int first = blockIdx.x * SIDE, ty = threadIdx.x / LANES, tx = threadIdx.x % LANES;
    real to_key[2][MOST] = {}, to_value[2][MOST] = {};
    bring(k, key + (long long)shared * keys * inside, first, keys, inside);
    bring(v, value + (long long)shared * keys * outside, first, keys, outside);
    for (int turn = 0; turn < each; ++turn) {
        const int head = shared / own * heads + shared % own * each + turn;
        // Queries before the first key see none of the tile.
        for (int begin = causal ? first : 0; begin < rows; begin += SIDE) {
            bring(q, query + (long long)head * rows * inside, begin, rows, inside);
            bring(own_g, g + (long long)head * rows * outside, begin, rows, outside);
            __syncthreads();
            real products[2][2], backs[2][2];
            square(products, k, q, inside, ty, tx);
            square(backs, v, own_g, outside, ty, tx);
#pragma unroll
            for (int i = 0; i < 2; ++i)
#pragma unroll
                for (int j = 0; j < 2; ++j) {
                    const int r = ty + i * LANES, c = tx + j * LANES, row = begin + c;
                    real slope = 0, kept_weight = 0;
                    if (row < rows && first + r < keys) {
                        const real *own_row = found + ((long long)head * rows + row) * 3;
                        const real s = score(at, products[i][j], head, row, first + r);
                        const real factor = keep(at, head, row, first + r);
                        const real w = weight(s, own_row[0]) / own_row[1];
                        kept_weight = w * factor;
                        slope = w * (backs[i][j] * factor - own_row[2]) * scale;
                    }
                    slopes[r * (SIDE + 1) + c] = slope;
                    weights[r * (SIDE + 1) + c] = kept_weight;
                }
            __syncthreads();
            add_rows(to_key, slopes, q, inside, ty, tx);
            add_rows(to_value, weights, own_g, outside, ty, tx);
            __syncthreads();
        }
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        const int row = first + ty + i * LANES;
        if (row >= keys) continue;
        const long long place = (long long)shared * keys + row;
#pragma unroll
        for (int j = 0; j < MOST; ++j) {
            const int column = tx + j * LANES;
            if (column < inside) dk[place * inside + column] = to_key[i][j];
            if (column < outside) dv[place * outside + column] = to_value[i][j];
        }
    }
}
