/* Vectors as wide as the processor's registers, by the compilers' vector types: they find the
 * instructions, so that one text serves AVX-512, AVX2, SSE, NEON and whatever comes. */

#ifndef PAYOFF_VECTORS
#define PAYOFF_VECTORS

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif

/* Registers that a product may use for its sums: rows x 2 vectors. 32 registers or 16. */
#if defined(__AVX512F__) || defined(__aarch64__)
#define TILE_ROWS 12
#define DOT_COLUMNS 6
#else
#define TILE_ROWS 6
#define DOT_COLUMNS 3
#endif

#define INLINE static inline __attribute__((always_inline))
#define APART static __attribute__((noinline))
#define UNROLL _Pragma("GCC unroll 16")

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));
typedef uint32_t uvec __attribute__((vector_size(4 * LANES)));
typedef float loose_vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int64_t i64;

INLINE vec load(const float *from) { return *(const loose_vec *)from; }
INLINE void store(float *to, vec v) { *(loose_vec *)to = v; }
INLINE vec splat(float x) { return (vec){0} + x; }
INLINE vec zero(void) { return (vec){0}; }

/* The first n < LANES values, by pieces of fixed size: n in binary. */
#define PIECE(size, to, from)         \
    if (n & (size)) {                 \
        memcpy(to, from, 4 * (size)); \
        at += (size);                 \
    }
INLINE void store_some(float *to, vec v, i64 n) {
    float values[LANES];
    i64 at = 0;
    store(values, v);
#if LANES >= 16
    PIECE(8, to + at, values + at)
#endif
#if LANES >= 8
    PIECE(4, to + at, values + at)
#endif
    PIECE(2, to + at, values + at)
    PIECE(1, to + at, values + at)
}

/* a where the mask is set, b elsewhere. */
INLINE vec choose(ivec mask, vec a, vec b) {
    return (vec)((mask & (ivec)a) | (~mask & (ivec)b));
}
INLINE vec keep_where(ivec mask, vec a) { return (vec)(mask & (ivec)a); }

/* NaN stays NaN, as in torch. */
INLINE vec relu(vec v) { return keep_where(~(v < 0.0f), v); }
INLINE vec larger(vec a, vec b) { return choose((b > a) | (b != b), b, a); }

INLINE float sum_of(vec v) {
    float part[LANES];
    store(part, v);
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++) part[i] += part[i + half];
    return part[0];
}

INLINE ivec counting(void) {
    ivec v;
    for (int i = 0; i < LANES; i++) v[i] = i;
    return v;
}

/* exp(x) to 1.2 ulp; 0 below -87, NaN for NaN. Cody and Waite's reduction, Taylor's series to the
 * sixth power on |r| <= ln(2) / 2 (its remainder is below 1.3e-7 x 2^-24 relative to the seventh
 * term, which is added too). */
INLINE vec exponential(vec x) {
    const ivec tiny = x < -87.0f;
    vec n = x * 1.44269504f + 12582912.0f; /* 1.5 x 2^23: the sum is rounded to a whole number */
    const uvec power = (uvec)n << 23;
    n -= 12582912.0f;
    vec r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    vec p = splat(1.0f / 5040.0f);
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    const vec scale = (vec)(power + 0x3f800000u);
    return keep_where(~tiny, p * scale);
}

/* ln(x) of normal x > 0, to 1 ulp near 1 in absolute terms; NaN for NaN. After Cephes' logf. */
INLINE vec logarithm(vec x) {
    const ivec odd = x != x;
    ivec bits = (ivec)x;
    ivec exponent = ((bits >> 23) & 0xff) - 126;
    vec m = (vec)((bits & 0x007fffff) | 0x3f000000); /* [0.5, 1) */
    const ivec low = m < 0.707106781f;
    exponent += low; /* a mask is -1 */
    m = m + keep_where(low, m) - 1.0f;
    const vec z = m * m, e = __builtin_convertvector(exponent, vec);
    vec p = splat(7.0376836292e-2f);
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    vec y = p * m * z;
    y += e * -2.12194440e-4f;
    y -= 0.5f * z;
    return choose(odd, x, m + y + e * 0.693359375f);
}

#if defined(__clang__) || !defined(__GNUC__)
#define MIX(a, b, list) __builtin_shufflevector(a, b, list)
#else
#define MIX(a, b, list) __builtin_shuffle(a, b, (ivec){list})
#endif

/* Lane j of the upper and of the lower row of a pair that trades blocks of s lanes. */
#define UPPER(j, s) ((j) & (s) ? LANES + ((j) ^ (s)) : (j))
#define LOWER(j, s) ((j) & (s) ? LANES + (j) : ((j) ^ (s)))
#define LIST4(f, s, j) f(j, s), f(j + 1, s), f(j + 2, s), f(j + 3, s)
#if LANES == 16
#define LIST(f, s) LIST4(f, s, 0), LIST4(f, s, 4), LIST4(f, s, 8), LIST4(f, s, 12)
#elif LANES == 8
#define LIST(f, s) LIST4(f, s, 0), LIST4(f, s, 4)
#else
#define LIST(f, s) LIST4(f, s, 0)
#endif
#define TRADE(s)                                              \
    UNROLL for (int i = 0; i < LANES; i++) if (!(i & (s))) {  \
        const vec up = row[i], down = row[i | (s)];           \
        row[i] = MIX(up, down, LIST(UPPER, s));               \
        row[i | (s)] = MIX(up, down, LIST(LOWER, s));         \
    }

/* Transpose LANES rows of LANES values in place. */
INLINE void transpose_tile(vec row[LANES]) {
    TRADE(1)
    TRADE(2)
#if LANES >= 8
    TRADE(4)
#endif
#if LANES >= 16
    TRADE(8)
#endif
}

INLINE i64 whole_vectors(i64 n) { return (n + LANES - 1) / LANES * LANES; }

/* The step from row to row of a matrix of n columns: an odd number of vectors, so that a column's
 * values do not all fall into the same few sets of the cache. */
INLINE i64 row_step(i64 n) {
    const i64 vectors = (n + LANES - 1) / LANES;
    return (vectors | 1) * LANES;
}

#endif
