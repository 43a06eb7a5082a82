/* Dropout, from the stream of each training: see study/streams.py, DropoutStream. */

#ifndef PAYOFF_DRAWS
#define PAYOFF_DRAWS

#include "pack.h"

typedef int16_t draws_vec __attribute__((vector_size(2 * LANES), aligned(2), may_alias));

/* The next words of SFC64 (Chris Doty-Humphrey's), as NumPy's bit generator of that name. */
APART void next_words(uint64_t *state, uint64_t *words, i64 n) {
    uint64_t a = state[0], b = state[1], c = state[2], counter = state[3];
    for (i64 i = 0; i < n; i++) {
        const uint64_t word = a + b + counter++;
        a = b ^ (b >> 11);
        b = c + (c << 3);
        c = ((c << 24) | (c >> 40)) + word;
        words[i] = word;
    }
    state[0] = a, state[1] = b, state[2] = c, state[3] = counter;
}

/* Multiply activations by what is kept and scaled. Draws come example by example; activations are
 * rows of examples, unit u at base + places[u], or at base + u x step without places. */
APART void drop(const int16_t *draws, i64 units, i64 batch, i64 threshold, float scale, float *base,
                const i64 *places, i64 step) {
    const int16_t limit = (int16_t)threshold;
    for (i64 u = 0; u < units; u += LANES)
        for (i64 b = 0; b < batch; b += LANES) {
            const i64 n_units = units - u < LANES ? units - u : LANES;
            const i64 n_examples = batch - b < LANES ? batch - b : LANES;
            vec tile[LANES];
            for (int i = 0; i < LANES; i++) {
                draws_vec some = {0};
                if (i < n_examples) {
                    const int16_t *from = draws + (b + i) * units + u;
                    if (n_units == LANES)
                        some = *(const draws_vec *)from;
                    else
                        memcpy(&some, from, (size_t)n_units * 2);
                }
                const ivec wide = __builtin_convertvector(some, ivec);
                tile[i] = keep_where(wide >= (int32_t)limit, splat(scale));
            }
            transpose_tile(tile);
            UNROLL for (int i = 0; i < LANES; i++) if (i < n_units) {
                float *to = base + (places ? places[u + i] : (u + i) * step) + b;
                store(to, load(to) * tile[i]);
            }
        }
}

/* Draw for (batch, units) activations of model m and drop them. */
INLINE void drop_out(const Pack *p, i64 m, i64 units, uint64_t *words, float *base,
                     const i64 *places, i64 step) {
    if (p->keep_scale[m] == 1.0f) return;
    next_words(p->streams + 4 * m, words, (p->batch * units + 3) / 4);
    drop((const int16_t *)words, units, p->batch, p->thresholds[m], p->keep_scale[m], base, places,
         step);
}

#endif
