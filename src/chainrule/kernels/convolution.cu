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
struct Half {
    int base;
    Spot spot;
};

// Rows of the result: filters; columns: pixels of the output; summed: channels and taps.
struct Forward {
    const Geometry &at;
    int group;
    const real *x, *w, *bias;
    real *y;
    __device__ __forceinline__ int rows() const { return at.filters; }
    __device__ __forceinline__ int columns() const { return at.images * at.moves.pixels(); }
    __device__ __forceinline__ int summed() const { return at.channels * at.taps(); }
    __device__ __forceinline__ real left(int row, int k) const {
        return w[((long long)group * at.filters + row) * summed() + k];
    }
    __device__ __forceinline__ Half column(int p) const {
        const int pixels = at.moves.pixels();
        const Spot start = met(spot_of(p % pixels, at.moves.size), Spot{0, 0, 0}, at.window);
        const int channel = (p / pixels * at.groups + group) * at.channels;
        return Half{channel * at.image.pixels(), start};
    }
    __device__ __forceinline__ Half summand(int k) const {
        const Spot tap = spot_of(k % at.taps(), at.window.size);
        return Half{k / at.taps() * at.image.pixels(),
                    Spot{tap.d * at.window.dilation[0], tap.h * at.window.dilation[1],
                         tap.w * at.window.dilation[2]}};
    }
    __device__ __forceinline__ real right(const Half &column, const Half &k) const {
        const Spot spot{column.spot.d + k.spot.d, column.spot.h + k.spot.h,
                        column.spot.w + k.spot.w};
        if (!within(spot, at.image.size)) return 0;
        return x[column.base + k.base + place_of(spot, at.image.size)];
    }
    __device__ __forceinline__ void store(int row, int p, real sum) const {
        const int pixels = at.moves.pixels(), filter = group * at.filters + row;
        const int filters = at.groups * at.filters;
        if (bias) sum += bias[filter];
        y[((long long)(p / pixels) * filters + filter) * pixels + p % pixels] = sum;
    }
};

// Rows: channels; columns: pixels of the input; summed: filters and taps.
struct ByInput {
    const Geometry &at;
    int group;
    const real *g, *w;
    real *x;
    __device__ __forceinline__ int rows() const { return at.channels; }
    __device__ __forceinline__ int columns() const { return at.images * at.image.pixels(); }
    __device__ __forceinline__ int summed() const { return at.filters * at.taps(); }
    __device__ __forceinline__ real left(int row, int k) const {
        const int filter = group * at.filters + k / at.taps();
        return w[((long long)filter * at.channels + row) * at.taps() + k % at.taps()];
    }
    __device__ __forceinline__ Half column(int q) const {
        const int pixels = at.image.pixels();
        const Spot pixel = spot_of(q % pixels, at.image.size);
        const int filter = (q / pixels * at.groups + group) * at.filters;
        return Half{filter * at.moves.pixels(),
                    Spot{pixel.d + at.window.padding[0], pixel.h + at.window.padding[1],
                         pixel.w + at.window.padding[2]}};
    }
    __device__ __forceinline__ Half summand(int k) const {
        const Spot tap = spot_of(k % at.taps(), at.window.size);
        return Half{k / at.taps() * at.moves.pixels(),
                    Spot{tap.d * at.window.dilation[0], tap.h * at.window.dilation[1],
                         tap.w * at.window.dilation[2]}};
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
struct ByFilters {
    const Geometry &at;
    int group;
    const real *g, *x;
    real *w;
    __device__ __forceinline__ int rows() const { return at.filters; }
    __device__ __forceinline__ int columns() const { return at.channels * at.taps(); }
    __device__ __forceinline__ int summed() const { return at.images * at.moves.pixels(); }
    __device__ __forceinline__ real left(int row, int p) const {
        const int pixels = at.moves.pixels(), filters = at.groups * at.filters;
        const int filter = group * at.filters + row;
        return g[((long long)(p / pixels) * filters + filter) * pixels + p % pixels];
    }
    __device__ __forceinline__ Half column(int k) const {
        const Spot tap = spot_of(k % at.taps(), at.window.size);
        return Half{k / at.taps() * at.image.pixels(),
                    Spot{tap.d * at.window.dilation[0], tap.h * at.window.dilation[1],
                         tap.w * at.window.dilation[2]}};
    }
    __device__ __forceinline__ Half summand(int p) const {
        const int pixels = at.moves.pixels();
        const Spot start = met(spot_of(p % pixels, at.moves.size), Spot{0, 0, 0}, at.window);
        const int channel = (p / pixels * at.groups + group) * at.channels;
        return Half{channel * at.image.pixels(), start};
    }
    __device__ __forceinline__ real right(const Half &column, const Half &p) const {
        const Spot spot{column.spot.d + p.spot.d, column.spot.h + p.spot.h,
                        column.spot.w + p.spot.w};
        if (!within(spot, at.image.size)) return 0;
        return x[column.base + p.base + place_of(spot, at.image.size)];
    }
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
    const int thread = threadIdx.x, rows = product.rows(), columns = product.columns();
    // What a thread brings: of the left matrix element `deep` of 4 rows, of the right one that of
    // one column for 4 summands.
    const int deep = thread % DEPTH, row = tile_row * TILE + thread / DEPTH;
    const int across = tile_column * TILE + thread % TILE, step = thread / TILE;
    const Half own = product.column(across < columns ? across : 0);
    const int ty = thread / 16, tx = thread % 16;
    real sums[EACH][EACH] = {};
    if (thread < DEPTH) summands[0][thread] = product.summand(min(first + thread, last - 1));
    __syncthreads();
    for (int k = first, turn = 0; k < last; k += DEPTH, turn ^= 1) {
#pragma unroll
        for (int i = 0; i < EACH; ++i) {
            const int r = row + i * (THREADS / DEPTH), d = step + i * (THREADS / TILE);
            const bool left = r < rows && k + deep < last, right = across < columns && k + d < last;
            lefts[deep][thread / DEPTH + i * (THREADS / DEPTH)] =
                left ? product.left(r, k + deep) : (real)0;
            rights[d][thread % TILE] = right ? product.right(own, summands[turn][d]) : (real)0;
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
    const Forward product{at, (int)blockIdx.z, x, w, bias, y};
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
    const ByFilters product{at, group, g, x, parts + part * size};
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
