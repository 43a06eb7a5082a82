/* What the trainings of a pack are told: study/packs/compiled.py has the same fields in the
 * same order. Every field is 8 bytes. M models, S slots, K steps prepared, T named tensors. */

#ifndef PAYOFF_PACK
#define PAYOFF_PACK

#include "vectors.h"

enum Loss { CROSS_ENTROPY, SQUARED_ERROR, DISTILLED_CLASSES, DISTILLED_VALUES };

typedef struct {
    i64 n_models, n_slots, n_tensors;
    i64 batch, n_inputs, n_outputs;
    const i64 *slot_ends; /* (S): one past the last model of each slot */
    const i64 *sizes;     /* (T): values a model */
    /* (T) pointers to (M, values) */
    float *const *parameters, *const *first, *const *second, *const *masks;
    const i64 *decays; /* (T): whether decay and L1 act on it */
    /* batches */
    const float *const *inputs; /* (S): (examples, n_inputs) */
    const void *const *targets; /* (S): (examples), i64 or float */
    const i64 *rows;            /* (K, S, batch) */
    i64 same_rows;              /* every step reads the same rows */
    /* loss */
    i64 loss;
    const float *smoothing, *mixing, *temperature; /* (M) */
    const float *const *teachers;                  /* (M): (examples, n_outputs), or NULL */
    double *loss_sums;                             /* (M) */
    /* optimiser */
    i64 adam;
    const float *rates, *kept; /* (all steps, M): learning rate; 1 - rate x decay, or NULL */
    const float *weight_decay, *l1, *l2, *momentum; /* (M) */
    /* dropout */
    uint64_t *streams;      /* (M, 4): state of SFC64 */
    const i64 *thresholds;  /* (M): a draw below it means "zeroed" */
    const float *keep_scale; /* (M) */
} Pack;

/* Working memory, handed out from one block; with no block it only counts. */
typedef struct {
    char *block;
    i64 used;
} Arena;

INLINE void *take(Arena *arena, i64 bytes) {
    const i64 at = arena->used;
    arena->used += (bytes + 63) / 64 * 64 + 64;
    return arena->block ? arena->block + at : (void *)0;
}
INLINE float *take_floats(Arena *arena, i64 n) { return take(arena, n * 4); }

#endif
