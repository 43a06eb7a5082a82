/* AdamW and SGD, each model with its own rates: see study/packs/optimizer.py. */

#ifndef PAYOFF_UPDATES
#define PAYOFF_UPDATES

#include "pack.h"

#define BETA1 0.9
#define BETA2 0.999 /* doubles: 1 - 0.999f is off by 5e-5 of itself */
#define EPS 1e-8f

typedef struct {
    float step, root; /* rate / (1 - beta1^t), 1 / sqrt(1 - beta2^t) */
    float rate, kept, decay, momentum, l1, l2;
} Rates;

/* Plain loops: the compiler makes vectors of them, tails included. */

enum { BLOCK = 256 };

/* 1 / (sqrt(v) root + eps), of whole vectors. */
#if defined(__AVX512F__)
#include <immintrin.h>
/* From estimates good to 14 bits and a step of Newton's each, to 2 ulp: a third of the time of the
 * processor's own root and quotient. */
INLINE void inverses(i64 n, const float *v, float root, float *to) {
    for (i64 i = 0; i < n; i += LANES) {
        const vec x = load(v + i);
        vec r = (vec)_mm512_rsqrt14_ps((__m512)x);
        r = r * (1.5f - 0.5f * x * r * r);
        const vec d = keep_where(x != 0.0f, x * r) * root + EPS;
        vec q = (vec)_mm512_rcp14_ps((__m512)d);
        q = q * (2.0f - d * q);
        store(to + i, keep_where(~(d > 1e30f), q)); /* an infinite moment stops its weight */
    }
}
#else
INLINE void inverses(i64 n, const float *v, float root, float *to) {
    for (i64 i = 0; i < n; i++) to[i] = 1 / (__builtin_sqrtf(v[i]) * root + EPS);
}
#endif

INLINE void adam_loop(const int masked, const Rates *r, i64 n, const float *restrict g,
                      float *restrict w, float *restrict m, float *restrict v,
                      const float *restrict mask) {
    const float l1 = r->l1, l2 = r->l2, kept = r->kept, step = r->step;
    float seconds[BLOCK], inverse[BLOCK];
    for (i64 i = 0; i < n; i++) {
        const float sign = w[i] > 0 ? l1 : (w[i] < 0 ? -l1 : 0);
        const float gradient = g[i] + sign + l2 * w[i];
        m[i] += (gradient - m[i]) * (float)(1 - BETA1);
        seconds[i] = v[i] * (float)BETA2 + gradient * gradient * (float)(1 - BETA2);
        v[i] = seconds[i];
    }
    for (i64 i = n; i < whole_vectors(n); i++) seconds[i] = 0;
    inverses(whole_vectors(n), seconds, r->root, inverse);
    for (i64 i = 0; i < n; i++) {
        const float moved = w[i] * kept - step * m[i] * inverse[i];
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
    for (i64 i = 0; i < n; i += BLOCK) {
        const i64 some = n - i < BLOCK ? n - i : BLOCK;
        if (mask)
            adam_loop(1, r, some, g + i, w + i, m + i, v + i, mask + i);
        else
            adam_loop(0, r, some, g + i, w + i, m + i, v + i, mask);
    }
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
