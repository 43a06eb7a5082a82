/* Perceptrons: a step of one model, its batch being gathered.
 *
 *   H_1 = relu(W_1 X^T + b_1) (* dropout), ..., Z = W_n H_n-1 + b_n
 *   dW_i = D_i H_i-1^T / B,  db_i = mean(D_i),  D_i-1 = W_i^T D_i * [H_i-1 > 0] (* dropout)
 *
 * The batch is the inner side of X^T, H, Z and D; X and the transposes of H, for dW, have it outer. */

#ifndef PAYOFF_PERCEPTRONS
#define PAYOFF_PERCEPTRONS

#include "draws.h"
#include "networks.h"

typedef struct {
    i64 hidden_row;             /* step over units, in the transposes of H */
    float *hidden[MOST_LAYERS]; /* (width, B) */
    float *turned;              /* (B, width) */
    float *back[2];             /* (width, B) */
} Perceptrons;

static void perceptron_work(Arena *arena, const Pack *p, const Network *net, Batch *batch,
                            Perceptrons *w) {
    batch_work(arena, p, net->width, batch);
    const i64 tall = whole_vectors(net->width) * batch->row;
    w->hidden_row = row_step(net->width);
    for (i64 layer = 0; layer < net->depth; layer++) w->hidden[layer] = take_floats(arena, tall);
    w->turned = take_floats(arena, batch->examples * w->hidden_row);
    w->back[0] = take_floats(arena, tall);
    w->back[1] = take_floats(arena, tall);
}

/* Outputs of model m for the examples of batch->across. */
static void perceptron_forward(const Pack *p, const Network *net, Batch *batch, Perceptrons *w,
                               i64 m, int training) {
    const i64 width = net->widths[m];
    for (i64 layer = 0; layer <= net->depth; layer++) {
        const int last = layer == net->depth;
        const Product next = {
            .a = tensor(p, m, 2 * layer),
            .a_row = layer ? net->width : p->n_inputs,
            .a_depth = 1,
            .b = layer ? w->hidden[layer - 1] : batch->across,
            .b_depth = batch->row,
            .rows = last ? p->n_outputs : width,
            .depth = layer ? width : p->n_inputs,
            .columns = batch->examples,
            .out = last ? batch->outputs : w->hidden[layer],
            .out_row = batch->row,
            .bias = tensor(p, m, 2 * layer + 1),
            .finish = last ? BIASED : RECTIFIED,
        };
        product(&next);
        if (last) return;
        if (training)
            drop_out(p, m, width, batch->words, w->hidden[layer], (const i64 *)0, batch->row);
    }
}

/* Gradients of model m; batch->outputs holds batch x dloss/doutputs. */
static void perceptron_backward(const Pack *p, const Network *net, Batch *batch, Perceptrons *w,
                                i64 m) {
    const i64 width = net->widths[m];
    const float share = 1.0f / (float)p->batch;
    float *back = batch->outputs;
    if (width < net->width) /* what a narrower model lacks has no gradient */
        for (i64 t = 0; t < p->n_tensors; t++)
            memset(batch->gradients[t], 0, (size_t)p->sizes[t] * 4);
    for (i64 layer = net->depth; layer >= 0; layer--) {
        const i64 rows = layer == net->depth ? p->n_outputs : width;
        mean_of_rows(back, batch->row, rows, batch->examples, share, batch->gradients[2 * layer + 1]);
        if (layer)
            transpose(w->hidden[layer - 1], batch->row, whole_vectors(width), batch->examples,
                      w->turned, w->hidden_row);
        const Product by_weight = {
            .a = back,
            .a_row = batch->row,
            .a_depth = 1,
            .b = layer ? w->turned : batch->x,
            .b_depth = layer ? w->hidden_row : batch->x_row,
            .rows = rows,
            .depth = p->batch,
            .columns = layer ? width : p->n_inputs,
            .out = batch->gradients[2 * layer],
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
            .b_depth = batch->row,
            .rows = width,
            .depth = rows,
            .columns = batch->examples,
            .out = w->back[layer % 2],
            .out_row = batch->row,
            .activation = w->hidden[layer - 1],
            .factor = p->keep_scale[m],
            .finish = GATED,
        };
        product(&by_input);
        back = w->back[layer % 2];
    }
}

#endif
