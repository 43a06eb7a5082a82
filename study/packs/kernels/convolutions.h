/* Plain convolutional networks: a step of one model, its batch being gathered.
 *
 *   I        inputs of a layer, (channels, high + 2p, wide + 2p, B): zeros all round
 *   P        largest output of each window; `winner` is its place in the window
 *   H        relu(P + b) (* dropout), written into the I of the layer above
 *   G        B x dloss/dP, (outputs, pooled high, pooled wide, B)
 *   D        B x dloss/d(outputs), laid out as I: G at each window's winner, zeros elsewhere
 *
 * The batch is innermost, so a convolution is a product whose rows of B lie at fixed distances from
 * the window's corner: nothing is unfolded, and pooling happens while the sums are in registers.
 * Bias and ReLU come after the maximum, with which they commute. */

#ifndef PAYOFF_CONVOLUTIONS
#define PAYOFF_CONVOLUTIONS

#include "draws.h"
#include "networks.h"

typedef struct {
    i64 pooled_high, pooled_wide, units, fan_in;
    i64 pixel, line, plane; /* steps of I and D */
    float *inputs, *outputs_back;
    int32_t *winner;   /* (units, B) */
    float *back;       /* G */
    i64 *reads;        /* (fan_in): from a window's corner to what its sums read */
    i64 *gets;         /* (outputs x kernel): from a pixel to the D that reach it */
    float *turned;     /* weights as (outputs, kernel, channels) */
    float *sums;       /* (outputs, fan_in) vectors: dW before its lanes are added */
    i64 *places;       /* (units): where H stands */
} Layer;

typedef struct {
    i64 features_row, units;
    Layer layers[MOST_LAYERS];
    i64 *pixels; /* (inputs): where each stands in the first I */
    float *features, *turned;
} Convolutions;

INLINE i64 pad_high(const Convolution *c) { return c->kernel_high / 2; }
INLINE i64 pad_wide(const Convolution *c) { return c->kernel_wide / 2; }

/* Where a unit stands in the padded inputs of `above`. */
INLINE i64 place(const Layer *layer, const Convolution *c, i64 channel, i64 y, i64 x) {
    return channel * layer->plane + (y + pad_high(c)) * layer->line + (x + pad_wide(c)) * layer->pixel;
}

static void lay_out_layer(Arena *arena, const Convolution *c, i64 examples, Layer *layer) {
    const i64 kernel = c->kernel_high * c->kernel_wide;
    const i64 tall = c->high + 2 * pad_high(c), broad = c->wide + 2 * pad_wide(c);
    layer->pooled_high = c->high / c->window_high;
    layer->pooled_wide = c->wide / c->window_wide;
    layer->units = c->outputs * layer->pooled_high * layer->pooled_wide;
    layer->fan_in = c->channels * kernel;
    layer->pixel = examples;
    layer->line = broad * examples + LANES; /* the odd vector spreads lines over the cache */
    layer->plane = tall * layer->line + LANES;
    layer->inputs = take_floats(arena, c->channels * layer->plane);
    layer->outputs_back = take_floats(arena, c->outputs * layer->plane);
    layer->winner = take(arena, layer->units * examples * 4);
    layer->back = take_floats(arena, layer->units * examples);
    layer->reads = take(arena, layer->fan_in * 8);
    layer->gets = take(arena, c->outputs * kernel * 8);
    layer->turned = take_floats(arena, c->outputs * layer->fan_in);
    layer->sums = take_floats(arena, c->outputs * layer->fan_in * LANES);
    layer->places = take(arena, layer->units * 8);
    if (!arena->block) return;
    for (i64 k = 0; k < layer->fan_in; k++) {
        const i64 i = k % kernel / c->kernel_wide, j = k % c->kernel_wide;
        layer->reads[k] = k / kernel * layer->plane + i * layer->line + j * layer->pixel;
    }
    for (i64 k = 0; k < c->outputs * kernel; k++) {
        const i64 i = k % kernel / c->kernel_wide, j = k % c->kernel_wide;
        layer->gets[k] = k / kernel * layer->plane + (c->kernel_high - 1 - i) * layer->line +
                         (c->kernel_wide - 1 - j) * layer->pixel;
    }
}

static void convolution_work(Arena *arena, const Pack *p, const Network *net, Batch *batch,
                             Convolutions *w) {
    i64 most_units = 0;
    for (i64 l = 0; l < net->depth; l++) {
        lay_out_layer(arena, net->layers + l, whole_vectors(p->batch), w->layers + l);
        if (w->layers[l].units > most_units) most_units = w->layers[l].units;
    }
    batch_work(arena, p, most_units, batch);
    w->units = w->layers[net->depth - 1].units;
    w->features_row = row_step(w->units);
    w->features = take_floats(arena, whole_vectors(w->units) * batch->examples);
    w->turned = take_floats(arena, batch->examples * w->features_row);
    w->pixels = take(arena, p->n_inputs * 8);
    if (!arena->block) return;
    for (i64 l = 0; l < net->depth; l++) {
        Layer *layer = w->layers + l;
        const i64 high = layer->pooled_high, wide = layer->pooled_wide;
        for (i64 u = 0; u < layer->units; u++)
            layer->places[u] = l + 1 < net->depth
                                   ? place(layer + 1, net->layers + l + 1, u / (high * wide),
                                           u / wide % high, u % wide)
                                   : u * batch->examples;
    }
    const Convolution *c = net->layers;
    for (i64 u = 0; u < p->n_inputs; u++)
        w->pixels[u] = place(w->layers, c, u / (c->high * c->wide), u / c->wide % c->high, u % c->wide);
}

/* Where layer l writes H. */
INLINE float *activations(Convolutions *w, const Network *net, i64 l) {
    return l + 1 < net->depth ? w->layers[l + 1].inputs : w->features;
}

enum { POOL_ROWS = TILE_ROWS == 12 ? 8 : 4 };

/* relu(max over the window + bias) of some output channels, for one window and 2 vectors of B. */
INLINE void pool_tile(const int rows, const int vectors, const Convolution *c, const Layer *layer,
                      const float *corner, const float *weights,
                      const float *bias, float *const *to, int32_t *const *winner) {
    const i64 places = c->window_high * c->window_wide;
    vec best[POOL_ROWS][2];
    ivec won[POOL_ROWS][2];
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++) {
        best[i][j] = splat(-__builtin_inff());
        won[i][j] = (ivec){0};
    }
    for (i64 at = 0; at < places; at++) {
        const float *b = corner + (at / c->window_wide) * layer->line +
                         (at % c->window_wide) * layer->pixel;
        vec sums[POOL_ROWS][2];
        UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++)
            sums[i][j] = zero();
        const float *a = weights;
        for (i64 k = 0; k < layer->fan_in; k++, a++) {
            const float *line = b + layer->reads[k];
            vec x[2];
            UNROLL for (int j = 0; j < vectors; j++) x[j] = load(line + j * LANES);
            UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++)
                sums[i][j] += a[i * layer->fan_in] * x[j];
        }
        UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++) {
            const ivec better = (sums[i][j] > best[i][j]) | (sums[i][j] != sums[i][j]);
            best[i][j] = choose(better, sums[i][j], best[i][j]);
            won[i][j] = (better & ((ivec){0} + (int32_t)at)) | (~better & won[i][j]);
        }
    }
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++) {
        store(to[i] + j * LANES, relu(best[i][j] + bias[i]));
        if (places > 1) *(ivec *)(winner[i] + j * LANES) = won[i][j];
    }
}

#define POOL(n)                                                                               \
    case n:                                                                                   \
        pool_tile(n, vectors, c, layer, corner, some, bias + o, to, winner);          \
        break;

INLINE void pool_window(const int vectors, const Convolution *c, const Layer *layer,
                        const float *corner, const float *weights,
                        const float *bias, float *base, i64 window, i64 b) {
    const i64 windows = layer->pooled_high * layer->pooled_wide;
    for (i64 o = 0; o < c->outputs; o += POOL_ROWS) {
        float *to[POOL_ROWS];
        int32_t *winner[POOL_ROWS];
        const i64 left = c->outputs - o, n = left < POOL_ROWS ? left : POOL_ROWS;
        for (i64 i = 0; i < n; i++) {
            const i64 unit = (o + i) * windows + window;
            to[i] = base + layer->places[unit] + b;
            winner[i] = layer->winner + unit * layer->pixel + b;
        }
        const float *some = weights + o * layer->fan_in;
        switch (n) {
            POOL(1) POOL(2) POOL(3) POOL(4)
#if TILE_ROWS == 12
            POOL(5) POOL(6) POOL(7) POOL(8)
#endif
        }
    }
}

APART void convolve(const Convolution *c, const Layer *layer, const float *weights,
                    const float *bias, float *base) {
    for (i64 y = 0; y < layer->pooled_high; y++)
        for (i64 x = 0; x < layer->pooled_wide; x++) {
            const i64 window = y * layer->pooled_wide + x;
            const float *corner = layer->inputs + y * c->window_high * layer->line +
                                  x * c->window_wide * layer->pixel;
            i64 b = 0;
            for (; b + LANES < layer->pixel; b += 2 * LANES)
                pool_window(2, c, layer, corner + b, weights, bias, base, window, b);
            if (b < layer->pixel)
                pool_window(1, c, layer, corner + b, weights, bias, base, window, b);
        }
}

/* Outputs of model m for the examples in the first layer's inputs. */
static void convolution_forward(const Pack *p, const Network *net, Batch *batch, Convolutions *w,
                                i64 m, int training) {
    for (i64 l = 0; l < net->depth; l++) {
        const Convolution *c = net->layers + l;
        const Layer *layer = w->layers + l;
        const float *weights = tensor(p, m, 2 * l), *bias = tensor(p, m, 2 * l + 1);
        float *to = activations(w, net, l);
        convolve(c, layer, weights, bias, to);
        if (training) drop_out(p, m, layer->units, batch->words, to, layer->places, 0);
    }
    const Product head = {
        .a = tensor(p, m, 2 * net->depth),
        .a_row = w->units,
        .a_depth = 1,
        .b = w->features,
        .b_depth = w->layers->pixel,
        .rows = p->n_outputs,
        .depth = w->units,
        .columns = batch->examples,
        .out = batch->outputs,
        .out_row = batch->row,
        .bias = tensor(p, m, 2 * net->depth + 1),
        .finish = BIASED,
    };
    product(&head);
}

/* From G to D and the gradient of the bias. */
static void unpool(const Convolution *c, const Layer *layer, const float *activation, float scale,
                   float share, float *by_bias) {
    const i64 windows = layer->pooled_high * layer->pooled_wide;
    const i64 places = c->window_high * c->window_wide;
    i64 steps[4];
    for (i64 at = 0; at < places; at++)
        steps[at] = at / c->window_wide * layer->line + at % c->window_wide * layer->pixel;
    for (i64 o = 0; o < c->outputs; o++) {
        vec total = zero();
        for (i64 window = 0; window < windows; window++) {
            const i64 unit = o * windows + window;
            const i64 y = window / layer->pooled_wide, x = window % layer->pooled_wide;
            const float *h = activation + layer->places[unit], *g = layer->back + unit * layer->pixel;
            const int32_t *winner = layer->winner + unit * layer->pixel;
            float *to = layer->outputs_back +
                        place(layer, c, o, y * c->window_high, x * c->window_wide);
            for (i64 b = 0; b < layer->pixel; b += LANES) {
                const vec v = keep_where(~(load(h + b) <= 0.0f), load(g + b) * scale);
                total += v;
                if (places == 1) {
                    store(to + b, v);
                    continue;
                }
                const ivec won = *(const ivec *)(winner + b);
                for (i64 at = 0; at < places; at++)
                    store(to + steps[at] + b, keep_where(won == (int32_t)at, v));
            }
        }
        by_bias[o] = sum_of(total) * share;
    }
}

/* sums[o][k] += D[o] . I[k] along n values. */
INLINE void dot_tile(const int outputs, const int columns, const float *d, i64 plane,
                     const float *inputs, const i64 *reads, i64 n, float *sums, i64 fan_in) {
    vec s[4][DOT_COLUMNS];
    const float *from[DOT_COLUMNS];
    UNROLL for (int k = 0; k < columns; k++) from[k] = inputs + reads[k];
    UNROLL for (int o = 0; o < outputs; o++) UNROLL for (int k = 0; k < columns; k++)
        s[o][k] = load(sums + (o * fan_in + k) * LANES);
    for (i64 t = 0; t < n; t += LANES) {
        vec x[DOT_COLUMNS];
        UNROLL for (int k = 0; k < columns; k++) x[k] = load(from[k] + t);
        UNROLL for (int o = 0; o < outputs; o++) {
            const vec y = load(d + o * plane + t);
            UNROLL for (int k = 0; k < columns; k++) s[o][k] += y * x[k];
        }
    }
    UNROLL for (int o = 0; o < outputs; o++) UNROLL for (int k = 0; k < columns; k++)
        store(sums + (o * fan_in + k) * LANES, s[o][k]);
}

INLINE void dot_columns(const int outputs, const float *d, const Layer *layer, const float *inputs,
                        i64 n, float *sums) {
    const i64 *reads = layer->reads, fan_in = layer->fan_in;
    i64 k = 0;
    for (; k + DOT_COLUMNS <= fan_in; k += DOT_COLUMNS)
        dot_tile(outputs, DOT_COLUMNS, d, layer->plane, inputs, reads + k, n, sums + k * LANES, fan_in);
    for (; k + 3 <= fan_in; k += 3)
        dot_tile(outputs, 3, d, layer->plane, inputs, reads + k, n, sums + k * LANES, fan_in);
    for (; k < fan_in; k++)
        dot_tile(outputs, 1, d, layer->plane, inputs, reads + k, n, sums + k * LANES, fan_in);
}

APART void by_weights(const Convolution *c, const Layer *layer, float share, float *to) {
    const i64 n = c->wide * layer->pixel, fan_in = layer->fan_in;
    memset(layer->sums, 0, (size_t)(c->outputs * fan_in * LANES) * 4);
    for (i64 y = 0; y < c->high; y++) {
        const float *inputs = layer->inputs + y * layer->line;
        i64 o = 0;
        for (; o + 4 <= c->outputs; o += 4)
            dot_columns(4, layer->outputs_back + place(layer, c, o, y, 0), layer, inputs, n,
                        layer->sums + o * fan_in * LANES);
        for (; o < c->outputs; o++)
            dot_columns(1, layer->outputs_back + place(layer, c, o, y, 0), layer, inputs, n,
                        layer->sums + o * fan_in * LANES);
    }
    for (i64 i = 0; i < c->outputs * fan_in; i++)
        to[i] = sum_of(load(layer->sums + i * LANES)) * share;
}

/* From D of a layer to G of the layer below. */
static void by_inputs(const Convolution *c, const Layer *layer, const float *weights, float *back) {
    const i64 kernel = c->kernel_high * c->kernel_wide;
    for (i64 o = 0; o < c->outputs; o++)
        for (i64 channel = 0; channel < c->channels; channel++)
            for (i64 k = 0; k < kernel; k++)
                layer->turned[(o * kernel + k) * c->channels + channel] =
                    weights[(o * c->channels + channel) * kernel + k];
    for (i64 y = 0; y < c->high; y++) {
        const Product line = {
            .a = layer->turned,
            .a_row = 1,
            .a_depth = c->channels,
            .b = layer->outputs_back + y * layer->line,
            .b_offsets = layer->gets,
            .rows = c->channels,
            .depth = c->outputs * kernel,
            .columns = c->wide * layer->pixel,
            .out = back + y * c->wide * layer->pixel,
            .out_row = c->high * c->wide * layer->pixel,
            .factor = 1.0f,
            .finish = SCALED,
        };
        product(&line);
    }
}

/* Gradients of model m; batch->outputs holds batch x dloss/doutputs. */
static void convolution_backward(const Pack *p, const Network *net, Batch *batch, Convolutions *w,
                                 i64 m) {
    const i64 head = 2 * net->depth;
    const float share = 1.0f / (float)p->batch;
    mean_of_rows(batch->outputs, batch->row, p->n_outputs, batch->examples, share,
                 batch->gradients[head + 1]);
    transpose(w->features, batch->examples, whole_vectors(w->units), batch->examples, w->turned,
              w->features_row);
    const Product by_weight = {
        .a = batch->outputs,
        .a_row = batch->row,
        .a_depth = 1,
        .b = w->turned,
        .b_depth = w->features_row,
        .rows = p->n_outputs,
        .depth = p->batch,
        .columns = w->units,
        .out = batch->gradients[head],
        .out_row = w->units,
        .factor = share,
        .finish = SCALED,
    };
    product(&by_weight);
    const Product by_feature = {
        .a = tensor(p, m, head),
        .a_row = 1,
        .a_depth = w->units,
        .b = batch->outputs,
        .b_depth = batch->row,
        .rows = w->units,
        .depth = p->n_outputs,
        .columns = batch->examples,
        .out = w->layers[net->depth - 1].back,
        .out_row = batch->examples,
        .factor = 1.0f,
        .finish = SCALED,
    };
    product(&by_feature);
    for (i64 l = net->depth - 1; l >= 0; l--) {
        const Convolution *c = net->layers + l;
        const Layer *layer = w->layers + l;
        unpool(c, layer, activations(w, net, l), p->keep_scale[m], share,
               batch->gradients[2 * l + 1]);
        by_weights(c, layer, share, batch->gradients[2 * l]);
        if (l) by_inputs(c, layer, tensor(p, m, 2 * l), layer[-1].back);
    }
}

/* Put a gathered batch into the first layer's inputs. */
static void enter(const Pack *p, const Batch *batch, Convolutions *w) {
    for (i64 u = 0; u < p->n_inputs; u++)
        memcpy(w->layers->inputs + w->pixels[u], batch->across + u * batch->row,
               (size_t)batch->examples * 4);
}

#endif
