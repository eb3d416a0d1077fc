// CUDA C on the processor: what a kernel's text finds there, and how its threads are run.
//
// The text of a kernel is compiled after this header by an ordinary C++ compiler. Blocks run one
// after another, and so do the threads of a block: each until it waits for others, at a barrier or
// in a warp. A thread that waits keeps its stack, and a fresh one goes on with the next thread, so a
// kernel that never waits runs as a plain loop. What a GPU would leave undefined is refused here:
// a barrier that not all threads reach, a lane that is asked but has left, a place outside the
// arrays (their ends lie before pages that nobody may touch).

#pragma once

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

// --- words of the language ----------------------------------------------------------------------

#define __device__
#define __host__
#define __global__ __attribute__((noinline))
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __constant__ static
#define __align__(n) __attribute__((aligned(n)))
// All shared variables lie together, so that a block begins with nonsense in them, as on a GPU.
#define __shared__ static __attribute__((section("shared_variables"), used))

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x, y, z;
};

#define EMULATOR_VECTORS(type, name)                                            \
    struct alignas(2 * sizeof(type)) name##2 { type x, y; };                    \
    struct name##3 { type x, y, z; };                                           \
    struct alignas(sizeof(type) > 4 ? 16 : 4 * sizeof(type)) name##4 { type x, y, z, w; }; \
    static inline name##2 make_##name##2(type x, type y) { return {x, y}; }     \
    static inline name##3 make_##name##3(type x, type y, type z) { return {x, y, z}; } \
    static inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }

EMULATOR_VECTORS(float, float)
EMULATOR_VECTORS(double, double)
EMULATOR_VECTORS(int, int)
#undef EMULATOR_VECTORS
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
static inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) {
    return {x, y, z, w};
}

static uint3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;
static const int warpSize = 32;

// --- threads ------------------------------------------------------------------------------------

namespace emulator {

const unsigned MOST_THREADS = 1024;
const size_t STACK = 256 << 10, PAGE = 4096;

enum State { NEW, READY, AT_BARRIER, IN_WARP, DONE };
enum Meeting { SYNC, SHUFFLE, BALLOT };

// A stack and where whoever runs on it stands.
struct Fiber {
    char *stack;
    bool begun;
    Fiber *next_idle;
    jmp_buf at;
    ucontext_t start;
};

struct Thread {
    State state;
    int line;          // of the source, where it waits
    Fiber *fiber;
    Meeting meeting;   // why it waits in its warp
    unsigned mask;     // with whom
    unsigned source;   // whose value it wants
    unsigned long long value, result;
};

static Thread threads[MOST_THREADS];
static Fiber *fibers[MOST_THREADS];
static Fiber *idle, *running;
static unsigned fiber_count, count, begun, done, waiting, current;
static bool backwards;
static void (*body)(void **);
static void **arguments;
static jmp_buf scheduler;
static sigjmp_buf launch;
static char *message;
static size_t message_size;
static char *dynamic_memory;
static char alternative_stack[64 << 10];

extern "C" char __start_shared_variables[] __attribute__((weak));
extern "C" char __stop_shared_variables[] __attribute__((weak));

static inline uint3 index_of(unsigned thread) {
    return {thread % blockDim.x, thread / blockDim.x % blockDim.y,
            thread / (blockDim.x * blockDim.y)};
}

// End the launch with a sentence.
#define EMULATOR_FAIL(...)                                       \
    do {                                                         \
        snprintf(emulator::message, emulator::message_size, __VA_ARGS__); \
        siglongjmp(emulator::launch, 1);                         \
    } while (0)

static inline void become(unsigned thread) {
    current = thread;
    threadIdx = index_of(thread);
}

// Go back to the scheduler; returns when this thread is run again.
static __attribute__((noipa)) void leave() {
    if (!_setjmp(running->at)) _longjmp(scheduler, 1);
    asm volatile("" ::: "memory");
}

// What every stack runs: thread after thread, until none is left to begin.
static __attribute__((noipa)) void work() {
    for (;;) {
        while (begun < count) {
            unsigned at = begun++;
            become(backwards ? count - 1 - at : at);
            threads[current].state = READY;
            threads[current].fiber = running;
            body(arguments);
            threads[current].state = DONE;
            ++done;
        }
        running->next_idle = idle;
        idle = running;
        leave();
    }
}

static __attribute__((noipa)) void resume(Fiber *fiber) {
    running = fiber;
    if (_setjmp(scheduler)) return;
    if (fiber->begun) _longjmp(fiber->at, 1);
    fiber->begun = true;
    getcontext(&fiber->start);
    fiber->start.uc_stack.ss_sp = fiber->stack + PAGE;
    fiber->start.uc_stack.ss_size = STACK - PAGE;
    fiber->start.uc_link = nullptr;
    makecontext(&fiber->start, work, 0);
    setcontext(&fiber->start);
}

static Fiber *fresh() {
    if (idle) {
        Fiber *one = idle;
        idle = one->next_idle;
        return one;
    }
    Fiber *one = new Fiber();
    one->stack = (char *)mmap(nullptr, STACK, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    mprotect(one->stack, PAGE, PROT_NONE);
    fibers[fiber_count++] = one;
    return one;
}

static void refuse_standstill() {
    unsigned at_barrier = 0, in_warp = 0, first = count, line = 0;
    for (unsigned i = 0; i < count; ++i) {
        at_barrier += threads[i].state == AT_BARRIER;
        in_warp += threads[i].state == IN_WARP;
        if (threads[i].state != DONE && first == count) first = i, line = threads[i].line;
    }
    uint3 t = index_of(first), b = blockIdx;
    EMULATOR_FAIL("block (%u, %u, %u) stands still: thread (%u, %u, %u) waits in line %u, %u of %u "
                  "threads wait at a barrier, %u in their warps, and %u have left",
                  b.x, b.y, b.z, t.x, t.y, t.z, line, at_barrier, count, in_warp, done);
}

static void run_block() {
    begun = done = waiting = 0;
    for (unsigned i = 0; i < count; ++i) threads[i].state = NEW;
    if (__start_shared_variables)
        memset(__start_shared_variables, 0xff, __stop_shared_variables - __start_shared_variables);
    while (begun < count) resume(fresh());
    while (done < count) {
        bool moved = false;
        for (unsigned k = 0; k < count; ++k) {
            unsigned i = backwards ? count - 1 - k : k;
            if (threads[i].state != READY) continue;
            become(i);
            resume(threads[i].fiber);
            moved = true;
        }
        if (!moved) refuse_standstill();
    }
}

// Wait until all threads of the block are at this line.
static __attribute__((noipa)) void barrier(int line) {
    Thread &own = threads[current];
    own.state = AT_BARRIER;
    own.line = line;
    if (++waiting < count) {
        unsigned self = current;
        leave();
        become(self);
        return;
    }
    for (unsigned i = 0; i < count; ++i)
        if (threads[i].line != line) {
            uint3 a = index_of(i), b = threadIdx;
            EMULATOR_FAIL("threads (%u, %u, %u) and (%u, %u, %u) meet at different barriers, in "
                          "lines %d and %d",
                          a.x, a.y, a.z, b.x, b.y, b.z, threads[i].line, line);
        }
    waiting = 0;
    for (unsigned i = 0; i < count; ++i) threads[i].state = READY;
}

// Meet the lanes of the mask at this line, each with a value; returns what this one is given.
static __attribute__((noipa)) unsigned long long meet(Meeting meeting, unsigned mask,
                                                      unsigned long long value, unsigned source,
                                                      int line) {
    unsigned first = current / 32 * 32, lane = current % 32;
    if (!(mask >> lane & 1))
        EMULATOR_FAIL("lane %u takes part in a warp's meeting in line %d whose mask %08x leaves it "
                      "out", lane, line, mask);
    threads[current].state = IN_WARP;
    threads[current].line = line;
    threads[current].meeting = meeting;
    threads[current].mask = mask;
    threads[current].source = source;
    threads[current].value = value;
    bool all = true;
    for (unsigned i = 0; i < 32; ++i) {
        if (!(mask >> i & 1)) continue;
        if (first + i >= count)
            EMULATOR_FAIL("a warp's meeting in line %d asks for lane %u, and the block has only %u "
                          "threads", line, i, count);
        const Thread &other = threads[first + i];
        all = all && other.state == IN_WARP && other.meeting == meeting && other.mask == mask &&
              other.line == line;
    }
    if (!all) {
        unsigned self = current;
        leave();
        become(self);
        return threads[self].result;
    }
    unsigned votes = 0;
    for (unsigned i = 0; i < 32; ++i)
        if (mask >> i & 1 && threads[first + i].value) votes |= 1u << i;
    for (unsigned i = 0; i < 32; ++i) {
        if (!(mask >> i & 1)) continue;
        Thread &one = threads[first + i];
        if (meeting == SHUFFLE && !(mask >> one.source & 1))
            EMULATOR_FAIL("lane %u asks in line %d for the value of lane %u, which the mask %08x "
                          "leaves out", i, line, one.source, mask);
        one.result = meeting == BALLOT ? votes : threads[first + one.source].value;
    }
    for (unsigned i = 0; i < 32; ++i)
        if (mask >> i & 1) threads[first + i].state = READY;
    return threads[current].result;
}

static inline char *dynamic_shared() { return dynamic_memory; }

// --- a launch -----------------------------------------------------------------------------------

static void on_fault(int number, siginfo_t *, void *) {
    const char *what = number == SIGFPE ? "divides by zero" : "reads or writes outside its arrays";
    uint3 t = threadIdx, b = blockIdx;
    EMULATOR_FAIL("thread (%u, %u, %u) of block (%u, %u, %u) %s", t.x, t.y, t.z, b.x, b.y, b.z,
                  what);
}

static void run_grid(size_t shared_bytes) {
    unsigned long long blocks = (unsigned long long)gridDim.x * gridDim.y * gridDim.z;
    for (unsigned long long k = 0; k < blocks; ++k) {
        unsigned long long i = backwards ? blocks - 1 - k : k;
        blockIdx = {(unsigned)(i % gridDim.x), (unsigned)(i / gridDim.x % gridDim.y),
                    (unsigned)(i / gridDim.x / gridDim.y)};
        memset(dynamic_memory, 0xff, shared_bytes);
        run_block();
    }
}

// Run a kernel over its grid; returns 0, or 1 with a sentence in `text`.
static int run(void (*kernel)(void **), const unsigned *grid, const unsigned *block, void **args,
               char *shared, size_t shared_bytes, int in_reverse, char *text, size_t text_size) {
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    count = block[0] * block[1] * block[2];
    body = kernel;
    arguments = args;
    dynamic_memory = shared;
    backwards = in_reverse;
    message = text;
    message_size = text_size;
    const int caught[] = {SIGSEGV, SIGBUS, SIGFPE};
    struct sigaction ours = {}, before[3];
    ours.sa_sigaction = on_fault;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    stack_t aside = {}, aside_before;
    aside.ss_sp = alternative_stack;
    aside.ss_size = sizeof alternative_stack;
    sigaltstack(&aside, &aside_before);
    for (int i = 0; i < 3; ++i) sigaction(caught[i], &ours, &before[i]);
    int failed = sigsetjmp(launch, 1);
    if (!failed) {
        run_grid(shared_bytes);
    } else {  // whoever stood somewhere begins anew
        idle = nullptr;
        for (unsigned i = 0; i < fiber_count; ++i) {
            fibers[i]->begun = false;
            fibers[i]->next_idle = idle;
            idle = fibers[i];
        }
    }
    for (int i = 0; i < 3; ++i) sigaction(caught[i], &before[i], nullptr);
    sigaltstack(&aside_before, nullptr);
    return failed;
}

// --- a kernel's parameters ----------------------------------------------------------------------

// As NumPy writes types: a kind and a size; "p" before what a pointer points to, "c" if constant.
template <class A> struct Name {
    static void write(char *&to, const char *before) {
        const char kind = __is_class(A) || __is_union(A) ? 'V'
                          : sizeof(A) == 1 && (A)2 == (A)1 ? 'b'
                          : (A)0.5 != (A)0               ? 'f'
                          : (A)-1 < (A)0                 ? 'i'
                                                         : 'u';
        to += sprintf(to, "%s%c%zu ", before, kind, sizeof(A));
    }
};
template <class A> struct Name<A *> {
    static void write(char *&to, const char *) {
        if constexpr (__is_class(A)) to += sprintf(to, "pV%zu ", sizeof(A));
        else Name<A>::write(to, "p");
    }
};
template <class A> struct Name<const A *> {
    static void write(char *&to, const char *) {
        if constexpr (__is_class(A)) to += sprintf(to, "cV%zu ", sizeof(A));
        else Name<A>::write(to, "c");
    }
};
template <> struct Name<void *> {
    static void write(char *&to, const char *) { to += sprintf(to, "p* "); }
};
template <> struct Name<const void *> {
    static void write(char *&to, const char *) { to += sprintf(to, "c* "); }
};

// `T *__restrict__` is another type than `T *`, of the same meaning.
template <class A> struct Plain { typedef A type; };
template <class A> struct Plain<A *__restrict__> { typedef A *type; };
template <class A> struct Plain<const A> { typedef A type; };

template <size_t... I> struct Places {};
template <size_t N, size_t... I> struct Counted : Counted<N - 1, N - 1, I...> {};
template <size_t... I> struct Counted<0, I...> { typedef Places<I...> type; };

template <class... A> struct Signature {
    void (*kernel)(A...);
    template <size_t... I> void call(void **args, Places<I...>) {
        kernel(*(typename Plain<A>::type *)args[I]...);
    }
    void call(void **args) { call(args, typename Counted<sizeof...(A)>::type()); }
    static void types(char *to) {
        *to = 0;
        (Name<typename Plain<A>::type>::write(to, ""), ...);
    }
};
template <class... A> static Signature<A...> signature(void (*kernel)(A...)) { return {kernel}; }

}  // namespace emulator

// Written after a kernel's text for each kernel in it.
#define EMULATOR_KERNEL(name)                                                                    \
    static void emulator_call_##name(void **args) { emulator::signature(name).call(args); }      \
    extern "C" __attribute__((visibility("default"))) void emulator_types_##name(char *to) {     \
        emulator::signature(name).types(to);                                                     \
    }                                                                                            \
    extern "C" __attribute__((visibility("default"))) int emulator_run_##name(                   \
        const unsigned *grid, const unsigned *block, void **args, char *shared, size_t bytes,    \
        int backwards, char *text, size_t text_size) {                                           \
        return emulator::run(emulator_call_##name, grid, block, args, shared, bytes, backwards,  \
                             text, text_size);                                                   \
    }

// --- waiting ------------------------------------------------------------------------------------

#define __syncthreads() (emulator::barrier(__LINE__), emulator::settled())
#define __syncwarp(...) emulator::sync_warp(__LINE__, ##__VA_ARGS__)
#define __shfl_sync(mask, v, lane, ...) \
    emulator::shuffle(__LINE__, emulator::FROM, mask, v, lane, ##__VA_ARGS__)
#define __shfl_xor_sync(mask, v, with, ...) \
    emulator::shuffle(__LINE__, emulator::XOR, mask, v, with, ##__VA_ARGS__)
#define __shfl_down_sync(mask, v, by, ...) \
    emulator::shuffle(__LINE__, emulator::DOWN, mask, v, by, ##__VA_ARGS__)
#define __shfl_up_sync(mask, v, by, ...) \
    emulator::shuffle(__LINE__, emulator::UP, mask, v, by, ##__VA_ARGS__)
#define __ballot_sync(mask, v) \
    ((unsigned)emulator::meet(emulator::BALLOT, mask, (v) != 0, 0, __LINE__))
#define __any_sync(mask, v) (__ballot_sync(mask, v) != 0)
#define __all_sync(mask, v) (__ballot_sync(mask, v) == (mask))

namespace emulator {

enum Way { FROM, XOR, DOWN, UP };

static inline __attribute__((always_inline)) void settled() { asm volatile("" ::: "memory"); }

static inline void sync_warp(int line, unsigned mask = 0xffffffffu) {
    meet(SYNC, mask, 0, 0, line);
    settled();
}

template <class A>
static inline A shuffle(int line, Way way, unsigned mask, A v, unsigned by, int width = 32) {
    static_assert(sizeof(A) == 4 || sizeof(A) == 8, "shuffles take values of 4 or 8 bytes");
    unsigned lane = current % 32, group = lane & ~(width - 1), within = lane & (width - 1);
    unsigned to = way == FROM ? (by & (width - 1)) : way == XOR ? within ^ by
                : way == DOWN ? within + by : within - by;
    unsigned source = to < (unsigned)width ? group + to : lane;
    unsigned long long bits = 0;
    memcpy(&bits, &v, sizeof(A));
    bits = meet(SHUFFLE, mask, bits, source, line);
    memcpy(&v, &bits, sizeof(A));
    settled();
    return v;
}

}  // namespace emulator

static inline void __threadfence() {}
static inline void __threadfence_block() {}

// --- atomic operations: nobody else runs --------------------------------------------------------

#define EMULATOR_ATOMIC(name, expression)                                       \
    template <class A, class B> static inline A name(A *at, B given) {          \
        A old = *at, v = (A)given;                                              \
        *at = expression;                                                       \
        return old;                                                             \
    }
EMULATOR_ATOMIC(atomicAdd, old + v)
EMULATOR_ATOMIC(atomicSub, old - v)
EMULATOR_ATOMIC(atomicExch, v)
EMULATOR_ATOMIC(atomicOr, old | v)
EMULATOR_ATOMIC(atomicAnd, old & v)
EMULATOR_ATOMIC(atomicXor, old ^ v)
#undef EMULATOR_ATOMIC
// These a GPU has for integers alone.
#define EMULATOR_CHOICE(name, sign)                                             \
    template <class A, class B> static inline A name(A *at, B given) {          \
        static_assert((A)0.5 == (A)0, #name " takes integers");                 \
        A old = *at, v = (A)given;                                              \
        if (v sign old) *at = v;                                                \
        return old;                                                             \
    }
EMULATOR_CHOICE(atomicMax, >)
EMULATOR_CHOICE(atomicMin, <)
#undef EMULATOR_CHOICE
template <class A, class B, class C> static inline A atomicCAS(A *at, B expected, C v) {
    static_assert((A)0.5 == (A)0, "atomicCAS takes integers");
    A old = *at;
    if (old == (A)expected) *at = (A)v;
    return old;
}

// --- functions ----------------------------------------------------------------------------------

static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline double rsqrt(double x) { return 1.0 / sqrt(x); }
static inline float rsqrt(float x) { return rsqrtf(x); }
#define __expf(x) expf(x)  // libraries have functions of these names
#define __logf(x) logf(x)
static inline float __fdividef(float x, float y) { return x / y; }
static inline float __frcp_rn(float x) { return 1.0f / x; }
// Rounded one by one: a compiler for a GPU joins products and sums unless told so.
static inline float __fadd_rn(float x, float y) { return x + y; }
static inline float __fsub_rn(float x, float y) { return x - y; }
static inline float __fmul_rn(float x, float y) { return x * y; }
static inline float __fdiv_rn(float x, float y) { return x / y; }
static inline float __fsqrt_rn(float x) { return sqrtf(x); }
static inline double __dadd_rn(double x, double y) { return x + y; }
static inline double __dsub_rn(double x, double y) { return x - y; }
static inline double __dmul_rn(double x, double y) { return x * y; }
static inline double __ddiv_rn(double x, double y) { return x / y; }
static inline double __dsqrt_rn(double x) { return sqrt(x); }
static inline double __ll2double_rn(long long x) { return (double)x; }
static inline double __ull2double_rn(unsigned long long x) { return (double)x; }
static inline float __ull2float_rn(unsigned long long x) { return (float)x; }
static inline float __saturatef(float x) { return x > 0 ? x < 1 ? x : 1 : 0; }
static inline void sincospif(float x, float *s, float *c) {
    *s = sinf((float)M_PI * x), *c = cosf((float)M_PI * x);
}
static inline void sincospi(double x, double *s, double *c) { *s = sin(M_PI * x), *c = cos(M_PI * x); }

template <class A> static inline A __ldg(const A *at) { return *at; }

static inline int min(int a, int b) { return a < b ? a : b; }
static inline int max(int a, int b) { return a > b ? a : b; }
static inline unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
static inline unsigned max(unsigned a, unsigned b) { return a > b ? a : b; }
static inline long long min(long long a, long long b) { return a < b ? a : b; }
static inline long long max(long long a, long long b) { return a > b ? a : b; }
static inline unsigned long long min(unsigned long long a, unsigned long long b) { return a < b ? a : b; }
static inline unsigned long long max(unsigned long long a, unsigned long long b) { return a > b ? a : b; }
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }
static inline double min(double a, double b) { return fmin(a, b); }
static inline double max(double a, double b) { return fmax(a, b); }

static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
static inline unsigned __umulhi(unsigned a, unsigned b) {
    return (unsigned)((unsigned long long)a * b >> 32);
}
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}

template <class A, class B> static inline A emulator_bits(B b) {
    static_assert(sizeof(A) == sizeof(B), "as many bytes");
    A a;
    memcpy(&a, &b, sizeof(A));
    return a;
}
static inline float __int_as_float(int x) { return emulator_bits<float>(x); }
static inline float __uint_as_float(unsigned x) { return emulator_bits<float>(x); }
static inline int __float_as_int(float x) { return emulator_bits<int>(x); }
static inline unsigned __float_as_uint(float x) { return emulator_bits<unsigned>(x); }
static inline double __longlong_as_double(long long x) { return emulator_bits<double>(x); }
static inline long long __double_as_longlong(double x) { return emulator_bits<long long>(x); }
