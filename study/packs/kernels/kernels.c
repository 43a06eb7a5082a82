/* The trainings of a pack, many steps a call: what study/packs/compiling.py compiles and loads. */

#include "convolutions.h"
#include "perceptrons.h"
#include "updates.h"

typedef struct {
    Batch batch;
    union {
        Perceptrons perceptrons;
        Convolutions convolutions;
    };
} Work;

/* Lay the working memory out in the block; return how much of it there is. */
static i64 lay_out(const Pack *p, const Network *net, char *block, Work *w) {
    Arena arena = {block, 0};
    if (net->layers)
        convolution_work(&arena, p, net, &w->batch, &w->convolutions);
    else
        perceptron_work(&arena, p, net, &w->batch, &w->perceptrons);
    return arena.used + 64;
}

static void read_batch(const Pack *p, const Network *net, const float *table, const i64 *rows,
                       i64 n_rows, Work *w) {
    gather(p, table, rows, n_rows, &w->batch);
    if (net->layers) enter(p, &w->batch, &w->convolutions);
}

static void forward(const Pack *p, const Network *net, Work *w, i64 m, int training) {
    if (net->layers)
        convolution_forward(p, net, &w->batch, &w->convolutions, m, training);
    else
        perceptron_forward(p, net, &w->batch, &w->perceptrons, m, training);
}

static void backward(const Pack *p, const Network *net, Work *w, i64 m) {
    if (net->layers)
        convolution_backward(p, net, &w->batch, &w->convolutions, m);
    else
        perceptron_backward(p, net, &w->batch, &w->perceptrons, m);
}

i64 lanes(void) { return LANES; }
i64 pack_bytes(void) { return sizeof(Pack); }
i64 network_bytes(void) { return sizeof(Network); }

i64 working_bytes(const Pack *p, const Network *net) {
    Work work;
    return lay_out(p, net, (char *)0, &work);
}

/* Take n_steps steps of the models from begin to end, of which the first is first_step; `prepared`
 * is its place in p->rows. The block is as long as working_bytes says, and zeros when it is first
 * used. */
void take_steps(const Pack *p, const Network *net, char *block, i64 first_step, i64 n_steps,
                i64 prepared, i64 begin, i64 end) {
    Work w;
    lay_out(p, net, block, &w);
    i64 start = 0;
    for (i64 slot = 0; slot < p->n_slots; start = p->slot_ends[slot++]) {
        const i64 from = start < begin ? begin : start;
        const i64 to = p->slot_ends[slot] < end ? p->slot_ends[slot] : end;
        for (i64 k = 0; k < n_steps && from < to; k++) {
            const i64 *rows = p->rows + ((prepared + k) * p->n_slots + slot) * p->batch;
            if (!(p->same_rows && k)) {
                read_batch(p, net, p->inputs[slot], rows, p->batch, &w);
                look_up(p, slot, rows, &w.batch.answers);
            }
            for (i64 m = from; m < to; m++) {
                forward(p, net, &w, m, 1);
                gradient_of_loss(p, m, rows, w.batch.outputs, &w.batch.answers);
                backward(p, net, &w, m);
                update_model(p, m, first_step + k, w.batch.gradients);
            }
        }
    }
}

/* Outputs (M, outputs, examples) for tables of n examples, one a model or one for all. */
void predict(const Pack *p, const Network *net, char *block, const float *const *tables,
             i64 shared, i64 n, float *out) {
    Work w;
    lay_out(p, net, block, &w);
    for (i64 b = 0; b < n; b += p->batch) {
        const i64 some = n - b < p->batch ? n - b : p->batch;
        for (i64 m = 0; m < p->n_models; m++) {
            if (!(shared && m))
                read_batch(p, net, tables[m] + b * p->n_inputs, (const i64 *)0, some, &w);
            forward(p, net, &w, m, 0);
            for (i64 c = 0; c < p->n_outputs; c++)
                memcpy(out + (m * p->n_outputs + c) * n + b, w.batch.outputs + c * w.batch.row,
                       (size_t)some * 4);
        }
    }
}
