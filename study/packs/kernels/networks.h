/* What networks of every family have in common: how they are described, and a batch under way. */

#ifndef PAYOFF_NETWORKS
#define PAYOFF_NETWORKS

#include "losses.h"
#include "pack.h"
#include "products.h"

enum { MOST_LAYERS = 64, MOST_TENSORS = 2 * MOST_LAYERS };

typedef struct {
    i64 channels, outputs, high, wide, kernel_high, kernel_wide, window_high, window_wide;
} Convolution;

/* study/packs/compiled.py has the same fields in the same order. */
typedef struct {
    i64 depth;                 /* hidden layers */
    i64 width;                 /* of the widest model: the shape of all */
    const i64 *widths;         /* (M), of perceptrons */
    const Convolution *layers; /* (depth), or NULL: perceptrons */
} Network;

/* The batch is the inner side of every matrix but X. */
typedef struct {
    i64 examples, row;  /* whole vectors of the batch, and the step over them */
    i64 x_row;          /* step over inputs, in X */
    float *x, *across;  /* (B, inputs), (inputs, B) */
    float *outputs;     /* (outputs, B) */
    float *gradients[MOST_TENSORS];
    uint64_t *words;    /* draws of one layer's dropout */
    Answers answers;
} Batch;

static void batch_work(Arena *arena, const Pack *p, i64 most_units, Batch *batch) {
    batch->examples = whole_vectors(p->batch);
    batch->row = row_step(p->batch);
    batch->x_row = row_step(p->n_inputs);
    batch->x = take_floats(arena, batch->examples * batch->x_row);
    batch->across = take_floats(arena, whole_vectors(p->n_inputs) * batch->row);
    batch->outputs = take_floats(arena, whole_vectors(p->n_outputs) * batch->row);
    for (i64 t = 0; t < p->n_tensors; t++) batch->gradients[t] = take_floats(arena, p->sizes[t]);
    batch->words = take(arena, (p->batch * most_units + 3) / 4 * 8);
    answers_for(arena, p, &batch->answers);
}

/* Read rows of a table (or its first) into X, and turn it. */
static void gather(const Pack *p, const float *table, const i64 *rows, i64 n_rows, Batch *batch) {
    const i64 n = p->n_inputs;
    for (i64 b = 0; b < n_rows; b++)
        memcpy(batch->x + b * batch->x_row, table + (rows ? rows[b] : b) * n, (size_t)n * 4);
    batch->examples = whole_vectors(n_rows);
    transpose(batch->x, batch->x_row, batch->examples, whole_vectors(n), batch->across, batch->row);
}

INLINE const float *tensor(const Pack *p, i64 m, i64 t) { return p->parameters[t] + m * p->sizes[t]; }

#endif
