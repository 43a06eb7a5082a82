/* AdamW and SGD, each model with its own rates: see study/training/pack_optimizer.py. */

#ifndef PAYOFF_UPDATES
#define PAYOFF_UPDATES

#include "pack.h"

#define BETA1 0.9
#define BETA2 0.999 /* doubles: 1 - 0.999f is off by 5e-5 of itself */

typedef struct {
    float step, root; /* rate / (1 - beta1^t), 1 / sqrt(1 - beta2^t) */
    float rate, kept, decay, momentum, l1, l2;
} Rates;

/* Plain loops: the compiler makes vectors of them, square roots and tails included. */
INLINE void adam_loop(const int masked, const Rates *r, i64 n, const float *restrict g,
                      float *restrict w, float *restrict m, float *restrict v,
                      const float *restrict mask) {
    const float l1 = r->l1, l2 = r->l2, kept = r->kept, step = r->step, root = r->root;
    for (i64 i = 0; i < n; i++) {
        const float weight = w[i];
        const float sign = weight > 0 ? l1 : (weight < 0 ? -l1 : 0);
        const float gradient = g[i] + sign + l2 * weight;
        const float first = m[i] + (gradient - m[i]) * (float)(1 - BETA1);
        const float second = v[i] * (float)BETA2 + gradient * gradient * (float)(1 - BETA2);
        m[i] = first;
        v[i] = second;
        const float moved = weight * kept - step * first / (__builtin_sqrtf(second) * root + 1e-8f);
        w[i] = masked ? moved * mask[i] : moved;
    }
}

INLINE void sgd_loop(const int masked, const Rates *r, i64 n, const float *restrict g,
                     float *restrict w, float *restrict m, const float *restrict mask) {
    const float l1 = r->l1, l2 = r->l2 + r->decay, momentum = r->momentum, rate = r->rate;
    for (i64 i = 0; i < n; i++) {
        const float weight = w[i];
        const float sign = weight > 0 ? l1 : (weight < 0 ? -l1 : 0);
        m[i] = m[i] * momentum + (g[i] + sign + l2 * weight);
        const float moved = weight - rate * m[i];
        w[i] = masked ? moved * mask[i] : moved;
    }
}

APART void adam(const Rates *r, i64 n, const float *g, float *w, float *m, float *v,
                const float *mask) {
    if (mask)
        adam_loop(1, r, n, g, w, m, v, mask);
    else
        adam_loop(0, r, n, g, w, m, v, mask);
}

APART void sgd(const Rates *r, i64 n, const float *g, float *w, float *m, const float *mask) {
    if (mask)
        sgd_loop(1, r, n, g, w, m, mask);
    else
        sgd_loop(0, r, n, g, w, m, mask);
}

/* Take step `step` (from 0) of model m, whose gradients are written: one block per tensor. */
static void update_model(const Pack *p, i64 m, i64 step, float *const *gradients) {
    Rates rates;
    const double rate = p->rates[step * p->n_models + m];
    const float kept = p->kept ? p->kept[step * p->n_models + m] : 1.0f;
    rates.rate = (float)rate;
    rates.step = (float)(rate / (1 - __builtin_pow(BETA1, (double)(step + 1))));
    rates.root = (float)(1 / __builtin_sqrt(1 - __builtin_pow(BETA2, (double)(step + 1))));
    rates.momentum = p->momentum[m];
    for (i64 t = 0; t < p->n_tensors; t++) {
        const i64 n = p->sizes[t], at = m * n;
        rates.kept = p->decays[t] ? kept : 1.0f;
        rates.decay = p->decays[t] ? p->weight_decay[m] : 0.0f;
        rates.l1 = p->decays[t] ? p->l1[m] : 0.0f;
        rates.l2 = p->decays[t] ? p->l2[m] : 0.0f;
        const float *mask = p->masks ? p->masks[t] + at : (const float *)0;
        float *weight = p->parameters[t] + at, *first = p->first[t] + at;
        if (p->adam)
            adam(&rates, n, gradients[t], weight, first, p->second[t] + at, mask);
        else
            sgd(&rates, n, gradients[t], weight, first, mask);
    }
}

#endif
