// Convolution and its two gradients as products of matrices that are never laid out.
//
// All three are sums of products of one matrix that lies in memory and one whose elements are looked
// up in an image: by the pixel that a window has moved to, and by the tap of the window. A block
// makes a tile of 64 x 64 of the result, 16 elements of each sum at a time: the two tiles that it
// needs are brought to shared memory once and read from there 64 times. Of the rows and columns
// each thread makes 4 x 4 in registers. Where a sum is long and the result small (the gradient by
// the filters) several blocks share a tile, and a second kernel adds up what they found, always in
// one order: the same bits each time.

#define TILE 64
#define DEPTH 16
#define EACH 4  // rows and columns of a thread; 16 x 16 threads
#define THREADS 256

struct Geometry {
    int images, groups, channels, filters;  // channels and filters of one group
    Image image, moves;
    Window window;
    __device__ __forceinline__ int taps() const {
        return window.size[0] * window.size[1] * window.size[2];
    }
};
#define GEOMETRY_PARAMETERS                                                                     \
    int images, int groups, int channels, int filters, IMAGE_PARAMETERS(image),                 \
        IMAGE_PARAMETERS(move), WINDOW_PARAMETERS
#define GEOMETRY Geometry{images, groups, channels, filters, IMAGE(image), IMAGE(move), WINDOW}

// One half of a place in an image: where its channel begins, and a spot that the other half moves.
// Of a summand also where its column of the left matrix begins.
struct Half {
    int base;
    Spot spot;
    int left;
};

// How far a tap lies from the window's first.
__device__ __forceinline__ Spot reach(const Window &window, int k) {
    const Spot tap = spot_of(k, window.size);
    return Spot{tap.d * window.dilation[0], tap.h * window.dilation[1],
                tap.w * window.dilation[2]};
}

// Two of the three products meet the images x where the window lies: at a pixel of the output, which
// is where it has moved to, and at a tap. The one goes along the columns and sums over the other.
struct Images {
    const Geometry &at;
    int group;
    const real *x;
    __device__ __forceinline__ Half moved(int p) const {
        const int pixels = at.moves.pixels(), image = p / pixels;
        const Spot start = met(spot_of(p % pixels, at.moves.size), Spot{0, 0, 0}, at.window);
        return Half{(image * at.groups + group) * at.channels * at.image.pixels(), start,
                    image * at.groups * at.filters * pixels + p % pixels};
    }
    __device__ __forceinline__ Half tap(int k) const {
        return Half{k / at.taps() * at.image.pixels(), reach(at.window, k % at.taps()), k};
    }
    __device__ __forceinline__ real right(const Half &a, const Half &b) const {
        const Spot spot{a.spot.d + b.spot.d, a.spot.h + b.spot.h, a.spot.w + b.spot.w};
        if (!within(spot, at.image.size)) return 0;
        return x[a.base + b.base + place_of(spot, at.image.size)];
    }
};

// What follows are the three products. Neighbours in memory are the columns of the right matrix, or,
// where `SUMMED_LIE_TOGETHER`, its summands: threads side by side bring those.

// Rows of the result: filters; columns: pixels of the output; summed: channels and taps.
struct Forward : Images {
    static constexpr bool SUMMED_LIE_TOGETHER = false;
    const real *w, *bias;
    real *y;
    __device__ __forceinline__ int rows() const { return at.filters; }
    __device__ __forceinline__ int columns() const { return at.images * at.moves.pixels(); }
    __device__ __forceinline__ int summed() const { return at.channels * at.taps(); }
    __device__ __forceinline__ real left(int row, const Half &k) const {
        return w[(group * at.filters + row) * summed() + k.left];
    }
    __device__ __forceinline__ Half column(int p) const { return moved(p); }
    __device__ __forceinline__ Half summand(int k) const { return tap(k); }
    __device__ __forceinline__ void store(int row, int p, real sum) const {
        const int pixels = at.moves.pixels(), filter = group * at.filters + row;
        const int filters = at.groups * at.filters;
        if (bias) sum += bias[filter];
        y[((long long)(p / pixels) * filters + filter) * pixels + p % pixels] = sum;
    }
};

// Rows: channels; columns: pixels of the input; summed: filters and taps.
struct ByInput {
    static constexpr bool SUMMED_LIE_TOGETHER = false;
    const Geometry &at;
    int group;
    const real *g, *w;
    real *x;
    __device__ __forceinline__ int rows() const { return at.channels; }
    __device__ __forceinline__ int columns() const { return at.images * at.image.pixels(); }
    __device__ __forceinline__ int summed() const { return at.filters * at.taps(); }
    __device__ __forceinline__ real left(int row, const Half &k) const {
        return w[group * at.filters * at.channels * at.taps() + row * at.taps() + k.left];
    }
    __device__ __forceinline__ Half column(int q) const {
        const int pixels = at.image.pixels();
        const Spot pixel = spot_of(q % pixels, at.image.size);
        const int filter = (q / pixels * at.groups + group) * at.filters;
        return Half{filter * at.moves.pixels(),
                    Spot{pixel.d + at.window.padding[0], pixel.h + at.window.padding[1],
                         pixel.w + at.window.padding[2]},
                    0};
    }
    __device__ __forceinline__ Half summand(int k) const {
        const int filter = k / at.taps(), tap = k % at.taps();
        return Half{filter * at.moves.pixels(), reach(at.window, tap),
                    filter * at.channels * at.taps() + tap};
    }
    __device__ __forceinline__ real right(const Half &column, const Half &k) const {
        Spot spot{column.spot.d - k.spot.d, column.spot.h - k.spot.h, column.spot.w - k.spot.w};
        if (spot.d < 0 || spot.h < 0 || spot.w < 0) return 0;
        const int *s = at.window.stride;
        if (s[0] > 1 || s[1] > 1 || s[2] > 1) {
            if (spot.d % s[0] || spot.h % s[1] || spot.w % s[2]) return 0;
            spot = Spot{spot.d / s[0], spot.h / s[1], spot.w / s[2]};
        }
        if (!within(spot, at.moves.size)) return 0;
        return g[column.base + k.base + place_of(spot, at.moves.size)];
    }
    __device__ __forceinline__ void store(int row, int q, real sum) const {
        const int pixels = at.image.pixels(), channel = group * at.channels + row;
        const int channels = at.groups * at.channels;
        x[((long long)(q / pixels) * channels + channel) * pixels + q % pixels] = sum;
    }
};

// Rows: filters; columns: channels and taps; summed: pixels of the output.
struct ByFilters : Images {
    static constexpr bool SUMMED_LIE_TOGETHER = true;
    const real *g;
    real *w;
    __device__ __forceinline__ int rows() const { return at.filters; }
    __device__ __forceinline__ int columns() const { return at.channels * at.taps(); }
    __device__ __forceinline__ int summed() const { return at.images * at.moves.pixels(); }
    __device__ __forceinline__ real left(int row, const Half &p) const {
        return g[(group * at.filters + row) * at.moves.pixels() + p.left];
    }
    __device__ __forceinline__ Half column(int k) const { return tap(k); }
    __device__ __forceinline__ Half summand(int p) const { return moved(p); }
    __device__ __forceinline__ void store(int row, int k, real sum) const {
        w[((long long)group * at.filters + row) * columns() + k] = sum;
    }
};

// A tile of the result, summed from `first` to before `last`.
template <class Product>
__device__ __forceinline__ void tile(const Product &product, int tile_row, int tile_column,
                                     int first, int last) {
    __shared__ real lefts[DEPTH][TILE + EACH], rights[DEPTH][TILE + EACH];
    __shared__ Half summands[2][DEPTH];
    constexpr bool together = Product::SUMMED_LIE_TOGETHER;
    const int thread = threadIdx.x, rows = product.rows(), columns = product.columns();
    // What a thread brings: of the left matrix summand `deep` of 4 rows; of the right one the same
    // of 4 columns, or 4 summands of one column.
    const int deep = thread % DEPTH, beside = thread / DEPTH, row = tile_row * TILE + beside;
    const int start = tile_column * TILE + (together ? beside : thread % TILE);
    Half owns[together ? EACH : 1];
#pragma unroll
    for (int i = 0; i < (together ? EACH : 1); ++i)
        owns[i] = product.column(min(start + i * (THREADS / DEPTH), columns - 1));
    const int ty = thread / 16, tx = thread % 16;
    real sums[EACH][EACH] = {};
    if (thread < DEPTH) summands[0][thread] = product.summand(min(first + thread, last - 1));
    __syncthreads();
    for (int k = first, turn = 0; k < last; k += DEPTH, turn ^= 1) {
        const Half &own_summand = summands[turn][deep];
#pragma unroll
        for (int i = 0; i < EACH; ++i) {
            const int r = row + i * (THREADS / DEPTH);
            lefts[deep][beside + i * (THREADS / DEPTH)] =
                r < rows && k + deep < last ? product.left(r, own_summand) : (real)0;
            const int d = together ? deep : thread / TILE + i * (THREADS / TILE);
            const int c = together ? beside + i * (THREADS / DEPTH) : thread % TILE;
            rights[d][c] = tile_column * TILE + c < columns && k + d < last
                               ? product.right(owns[together ? i : 0], summands[turn][d])
                               : (real)0;
        }
        if (thread < DEPTH && k + DEPTH < last)
            summands[turn ^ 1][thread] = product.summand(min(k + DEPTH + thread, last - 1));
        __syncthreads();
#pragma unroll
        for (int d = 0; d < DEPTH; ++d) {
            real a[EACH], b[EACH];
#pragma unroll
            for (int i = 0; i < EACH; ++i) a[i] = lefts[d][ty * EACH + i];
#pragma unroll
            for (int j = 0; j < EACH; ++j) b[j] = rights[d][tx + j * 16];
#pragma unroll
            for (int i = 0; i < EACH; ++i)
#pragma unroll
                for (int j = 0; j < EACH; ++j) sums[i][j] += a[i] * b[j];
        }
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < EACH; ++i)
#pragma unroll
        for (int j = 0; j < EACH; ++j) {
            const int r = tile_row * TILE + ty * EACH + i, c = tile_column * TILE + tx + j * 16;
            if (r < rows && c < columns) product.store(r, c, sums[i][j]);
        }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    forward_tiles(const real *x, const real *w, const real *bias, real *y, GEOMETRY_PARAMETERS) {
    const Geometry at = GEOMETRY;
    const Forward product{{at, (int)blockIdx.z, x}, w, bias, y};
    tile(product, blockIdx.y, blockIdx.x, 0, product.summed());
}

extern "C" __global__ void __launch_bounds__(THREADS)
    input_tiles(const real *g, const real *w, real *x, GEOMETRY_PARAMETERS) {
    const Geometry at = GEOMETRY;
    const ByInput product{at, (int)blockIdx.z, g, w, x};
    tile(product, blockIdx.y, blockIdx.x, 0, product.summed());
}

// Parts of the sums: part s of `parts` (parts, filters, channels, taps) is of its share of pixels.
extern "C" __global__ void __launch_bounds__(THREADS)
    filter_tiles(const real *g, const real *x, real *parts, int share, GEOMETRY_PARAMETERS) {
    const Geometry at = GEOMETRY;
    const int part = blockIdx.z / groups, group = blockIdx.z % groups;
    const long long size = (long long)groups * filters * channels * at.taps();
    const ByFilters product{{at, group, x}, g, parts + part * size};
    const int first = part * share;
    tile(product, blockIdx.y, blockIdx.x, first, min(first + share, product.summed()));
}

extern "C" __global__ void add_parts(const real *parts, real *y, int count, int size) {
    FOR_EACH(i, size) {
        real sum = 0;
        for (int part = 0; part < count; ++part) sum += parts[(long long)part * size + i];
        y[i] = sum;
    }
}

// --- few channels to a group: a tile would be mostly empty --------------------------------------

extern "C" __global__ void forward_each(const real *x, const real *w, const real *bias, real *y,
                                        GEOMETRY_PARAMETERS) {
    const Geometry at = GEOMETRY;
    const int pixels = at.moves.pixels(), taps = at.taps();
    const int all = groups * filters;
    FOR_EACH(i, (long long)images * all * pixels) {
        const Spot move = spot_of(i % pixels, at.moves.size);
        const int filter = i / pixels % all, image = i / pixels / all;
        const int group = filter / filters;
        real sum = bias ? bias[filter] : (real)0;
        for (int c = 0; c < channels; ++c) {
            const long long channel = ((long long)image * groups + group) * channels + c;
            const real *from = x + channel * at.image.pixels();
            const real *weights = w + ((long long)filter * channels + c) * taps;
            for (int k = 0; k < taps; ++k) {
                const Spot spot = met(move, spot_of(k, at.window.size), at.window);
                if (within(spot, at.image.size))
                    sum += weights[k] * from[place_of(spot, at.image.size)];
            }
        }
        y[i] = sum;
    }
}

extern "C" __global__ void input_each(const real *g, const real *w, real *x, GEOMETRY_PARAMETERS) {
    const Geometry at = GEOMETRY;
    const int pixels = at.image.pixels(), taps = at.taps();
    const int all = groups * channels;
    FOR_EACH(i, (long long)images * all * pixels) {
        const Spot pixel = spot_of(i % pixels, at.image.size);
        const int channel = i / pixels % all, image = i / pixels / all;
        const int group = channel / channels;
        real sum = 0;
        for (int f = 0; f < filters; ++f) {
            const int filter = group * filters + f;
            const real *from =
                g + ((long long)image * groups * filters + filter) * at.moves.pixels();
            const real *weights = w + ((long long)filter * channels + channel % channels) * taps;
            for (int k = 0; k < taps; ++k) {
                const Spot move = move_to(pixel, spot_of(k, at.window.size), at.window);
                if (within(move, at.moves.size))
                    sum += weights[k] * from[place_of(move, at.moves.size)];
            }
        }
        x[i] = sum;
    }
}

// A block for each weight.
extern "C" __global__ void __launch_bounds__(THREADS)
    filters_each(const real *g, const real *x, real *w, GEOMETRY_PARAMETERS) {
    const Geometry at = GEOMETRY;
    __shared__ real found[THREADS / 32];
    const int taps = at.taps(), pixels = at.moves.pixels();
    const Spot tap = spot_of(blockIdx.x % taps, at.window.size);
    const int filter = blockIdx.x / taps / channels, group = filter / filters;
    const int channel = group * channels + blockIdx.x / taps % channels;
    real sum = 0;
    for (int p = threadIdx.x; p < images * pixels; p += THREADS) {
        const int image = p / pixels;
        const Spot spot = met(spot_of(p % pixels, at.moves.size), tap, at.window);
        if (!within(spot, at.image.size)) continue;
        const long long from = (long long)image * groups * channels + channel;
        const long long to = (long long)image * groups * filters + filter;
        sum += g[to * pixels + p % pixels] *
               x[from * at.image.pixels() + place_of(spot, at.image.size)];
    }
    sum = lanes_sum<32>(sum);
    if (threadIdx.x % 32 == 0) found[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int i = 1; i < THREADS / 32; ++i) sum += found[i];
        w[blockIdx.x] = sum;
    }
}
