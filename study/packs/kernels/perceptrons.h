/* Perceptrons: a step of one model, its batch being gathered.
 *
 *   H_1 = relu(W_1 X^T + b_1) (* dropout), ..., Z = W_n H_n-1 + b_n
 *   dW_i = D_i H_i-1^T / B,  db_i = mean(D_i),  D_i-1 = W_i^T D_i * [H_i-1 > 0] (* dropout)
 *
 * The batch is the inner side of X^T, H, Z and D; X and the transposes of H, for dW, have it outer. */

#ifndef PAYOFF_PERCEPTRONS
#define PAYOFF_PERCEPTRONS

#include "draws.h"
#include "losses.h"
#include "pack.h"
#include "products.h"
#include "updates.h"

enum { MOST_LAYERS = 64, MOST_TENSORS = 2 * MOST_LAYERS };

typedef struct {
    i64 depth;         /* hidden layers */
    i64 width;         /* of the widest model: the shape of all */
    const i64 *widths; /* (M) */
} Perceptrons;

typedef struct {
    i64 examples, row;        /* whole vectors of the batch, and the step over them */
    i64 x_row, hidden_row;    /* steps over inputs and units, in X and in the transposes of H */
    float *x, *across;        /* (B, inputs), (inputs, B) */
    float *hidden[MOST_LAYERS]; /* (width, B) */
    float *turned;            /* (B, width) */
    float *outputs;           /* (outputs, B) */
    float *back[2];           /* (width, B) */
    float *gradients[MOST_TENSORS];
    uint64_t *words;
    Answers answers;
} PerceptronWork;

static void perceptron_work(Arena *arena, const Pack *p, const Perceptrons *net,
                            PerceptronWork *w) {
    const i64 tall = whole_vectors(net->width), batch = whole_vectors(p->batch);
    const i64 inputs = whole_vectors(p->n_inputs), outputs = whole_vectors(p->n_outputs);
    w->examples = batch;
    w->row = row_step(p->batch);
    w->x_row = row_step(p->n_inputs);
    w->hidden_row = row_step(net->width);
    w->x = take_floats(arena, batch * w->x_row);
    w->across = take_floats(arena, inputs * w->row);
    for (i64 layer = 0; layer < net->depth; layer++)
        w->hidden[layer] = take_floats(arena, tall * w->row);
    w->turned = take_floats(arena, batch * w->hidden_row);
    w->outputs = take_floats(arena, outputs * w->row);
    w->back[0] = take_floats(arena, tall * w->row);
    w->back[1] = take_floats(arena, tall * w->row);
    for (i64 t = 0; t < p->n_tensors; t++) w->gradients[t] = take_floats(arena, p->sizes[t]);
    w->words = take(arena, (p->batch * net->width + 3) / 4 * 8);
    answers_for(arena, p, &w->answers);
}

/* Read rows of a table into X, and turn it. */
static void gather(const float *table, i64 n_inputs, const i64 *rows, i64 n_rows, float *x,
                   i64 x_row, float *across, i64 row) {
    for (i64 b = 0; b < n_rows; b++)
        memcpy(x + b * x_row, table + (rows ? rows[b] : b) * n_inputs, (size_t)n_inputs * 4);
    transpose(x, x_row, whole_vectors(n_rows), whole_vectors(n_inputs), across, row);
}

INLINE const float *tensor(const Pack *p, i64 m, i64 t) { return p->parameters[t] + m * p->sizes[t]; }

/* Outputs of model m for the examples of w->across. */
static void perceptron_forward(const Pack *p, const Perceptrons *net, PerceptronWork *w, i64 m,
                               int training) {
    const i64 width = net->widths[m];
    for (i64 layer = 0; layer <= net->depth; layer++) {
        const int last = layer == net->depth;
        const Product next = {
            .a = tensor(p, m, 2 * layer),
            .a_row = layer ? net->width : p->n_inputs,
            .a_depth = 1,
            .b = layer ? w->hidden[layer - 1] : w->across,
            .b_depth = w->row,
            .rows = last ? p->n_outputs : width,
            .depth = layer ? width : p->n_inputs,
            .columns = w->examples,
            .out = last ? w->outputs : w->hidden[layer],
            .out_row = w->row,
            .bias = tensor(p, m, 2 * layer + 1),
            .finish = last ? BIASED : RECTIFIED,
        };
        product(&next);
        if (last) return;
        if (training) drop_out(p, m, width, w->words, w->hidden[layer], (const i64 *)0, w->row);
    }
}

/* Gradients of model m; w->outputs holds batch x dloss/doutputs. */
static void perceptron_backward(const Pack *p, const Perceptrons *net, PerceptronWork *w, i64 m) {
    const i64 width = net->widths[m];
    const float share = 1.0f / (float)p->batch;
    float *back = w->outputs;
    if (width < net->width) /* what a narrower model lacks has no gradient */
        for (i64 t = 0; t < p->n_tensors; t++)
            memset(w->gradients[t], 0, (size_t)p->sizes[t] * 4);
    for (i64 layer = net->depth; layer >= 0; layer--) {
        const i64 rows = layer == net->depth ? p->n_outputs : width;
        mean_of_rows(back, w->row, rows, w->examples, share, w->gradients[2 * layer + 1]);
        if (layer)
            transpose(w->hidden[layer - 1], w->row, whole_vectors(width), w->examples, w->turned,
                      w->hidden_row);
        const Product by_weight = {
            .a = back,
            .a_row = w->row,
            .a_depth = 1,
            .b = layer ? w->turned : w->x,
            .b_depth = layer ? w->hidden_row : w->x_row,
            .rows = rows,
            .depth = p->batch,
            .columns = layer ? width : p->n_inputs,
            .out = w->gradients[2 * layer],
            .out_row = layer ? net->width : p->n_inputs,
            .factor = share,
            .finish = SCALED,
        };
        product(&by_weight);
        if (!layer) return;
        const Product by_input = {
            .a = tensor(p, m, 2 * layer),
            .a_row = 1,
            .a_depth = net->width,
            .b = back,
            .b_depth = w->row,
            .rows = width,
            .depth = rows,
            .columns = w->examples,
            .out = w->back[layer % 2],
            .out_row = w->row,
            .activation = w->hidden[layer - 1],
            .factor = p->keep_scale[m],
            .finish = GATED,
        };
        product(&by_input);
        back = w->back[layer % 2];
    }
}

static void train_perceptrons(const Pack *p, const Perceptrons *net, PerceptronWork *w,
                              i64 first_step, i64 n_steps, i64 prepared,
                              i64 begin, i64 end) {
    i64 start = 0;
    for (i64 slot = 0; slot < p->n_slots; start = p->slot_ends[slot++]) {
        const i64 from = start < begin ? begin : start;
        const i64 to = p->slot_ends[slot] < end ? p->slot_ends[slot] : end;
        for (i64 k = 0; k < n_steps && from < to; k++) {
            const i64 *rows = p->rows + ((prepared + k) * p->n_slots + slot) * p->batch;
            if (!(p->same_rows && k)) {
                gather(p->inputs[slot], p->n_inputs, rows, p->batch, w->x, w->x_row, w->across,
                       w->row);
                look_up(p, slot, rows, &w->answers);
            }
            for (i64 m = from; m < to; m++) {
                perceptron_forward(p, net, w, m, 1);
                gradient_of_loss(p, m, rows, w->outputs, &w->answers);
                perceptron_backward(p, net, w, m);
                update_model(p, m, first_step + k, w->gradients);
            }
        }
    }
}

/* Outputs (M, outputs, examples) for tables of n examples, one a model or one for all. */
static void ask_perceptrons(const Pack *p, const Perceptrons *net, PerceptronWork *w,
                            const float *const *tables, i64 shared, i64 n, float *out) {
    for (i64 b = 0; b < n; b += p->batch) {
        const i64 some = n - b < p->batch ? n - b : p->batch;
        w->examples = whole_vectors(some);
        for (i64 m = 0; m < p->n_models; m++) {
            if (!(shared && m))
                gather(tables[m] + b * p->n_inputs, p->n_inputs, (const i64 *)0, some, w->x,
                       w->x_row, w->across, w->row);
            perceptron_forward(p, net, w, m, 0);
            for (i64 c = 0; c < p->n_outputs; c++)
                memcpy(out + (m * p->n_outputs + c) * n + b, w->outputs + c * w->row,
                       (size_t)some * 4);
        }
    }
}

#endif
