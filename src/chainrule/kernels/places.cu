// Writing at places that an array names. Sums are made by one thread for each place, in the order in
// which the sources lie: the bits are those of the processor, and the same each time.

// Arrays are seen as (outer, along, inner); a thread goes along one line.
#define LINES int outer, int inner, int given, int size
#define EACH_LINE                                                               \
    FOR_EACH(line, (long long)outer * inner)                                    \
    for (long long from = line / inner * given * inner + line % inner, last = from + (long long)given * inner, \
                   to = line / inner * size * inner + line % inner;             \
         from < last; from += inner)

extern "C" __global__ void add_lines(const real *x, const long long *index, real *y, LINES) {
    EACH_LINE {
        const long long at = index[from] < 0 ? index[from] + size : index[from];
        if (at >= 0 && at < size) y[to + at * inner] += x[from];
    }
}

extern "C" __global__ void put_lines(const real *x, const long long *index, real *y, LINES) {
    EACH_LINE {
        const long long at = index[from] < 0 ? index[from] + size : index[from];
        if (at >= 0 && at < size) y[to + at * inner] = x[from];
    }
}

// y[o, v, i] is the sum of x[o, j, i] over those j, of `order` from bounds[v] to bounds[v + 1], whose
// place is v.
extern "C" __global__ void add_sorted(const real *x, const long long *order,
                                      const long long *bounds, real *y, LINES) {
    FOR_EACH(i, (long long)outer * size * inner) {
        const long long v = i / inner % size;
        const real *from = x + i / inner / size * given * inner + i % inner;
        real sum = 0;
        for (long long k = bounds[v]; k < bounds[v + 1]; ++k) sum += from[order[k] * inner];
        y[i] = sum;
    }
}
