/* Training losses and their gradients: see study/packs/loss.py and distillation.py. */

#ifndef PAYOFF_LOSSES
#define PAYOFF_LOSSES

#include "pack.h"

/* The batch's targets and teachers' answers, one lane an example. */
typedef struct {
    i64 examples, row; /* whole vectors of examples; step from output to output */
    int32_t *labels;   /* -1 behind the last example */
    float *values;
    float *teacher; /* (outputs, examples) */
    float *soft;    /* as teacher */
} Answers;

INLINE void answers_for(Arena *arena, const Pack *p, Answers *answers) {
    answers->examples = whole_vectors(p->batch);
    answers->row = row_step(p->batch);
    answers->labels = take(arena, answers->examples * 4);
    answers->values = take_floats(arena, answers->examples);
    answers->teacher = take_floats(arena, answers->row * p->n_outputs);
    answers->soft = take_floats(arena, answers->row * p->n_outputs);
}

INLINE int by_classes(const Pack *p) {
    return p->loss == CROSS_ENTROPY || p->loss == DISTILLED_CLASSES;
}

/* Look up the targets of a batch. */
static void look_up(const Pack *p, i64 slot, const i64 *rows, Answers *answers) {
    for (i64 b = 0; b < answers->examples; b++) {
        const int there = b < p->batch;
        if (by_classes(p))
            answers->labels[b] =
                there ? (int32_t)((const i64 *)p->targets[slot])[rows[b]] : (int32_t)-1;
        else
            answers->values[b] = there ? ((const float *)p->targets[slot])[rows[b]] : 0.0f;
    }
}

static void ask_teacher(const Pack *p, i64 model, const i64 *rows, Answers *answers) {
    const float *table = p->teachers[model];
    for (i64 b = 0; b < p->batch; b++)
        for (i64 c = 0; c < p->n_outputs; c++)
            answers->teacher[c * answers->row + b] = table[rows[b] * p->n_outputs + c];
}

/* Mask of the lanes that hold an example. */
INLINE ivec there(const Pack *p, i64 b) { return counting() < (int32_t)(p->batch - b); }

INLINE vec largest(const float *z, i64 row, i64 n, float share) {
    vec most = load(z) * share;
    for (i64 c = 1; c < n; c++) most = larger(most, load(z + c * row) * share);
    return most;
}

/* Turn outputs into batch x dloss/doutputs; return the mean loss. */
static double cross_entropy(const Pack *p, i64 m, float *outputs, const Answers *answers) {
    const i64 n = p->n_outputs, row = answers->row;
    const float smoothing = p->smoothing[m], off = smoothing / (float)n;
    vec losses = zero();
    for (i64 b = 0; b < answers->examples; b += LANES) {
        float *z = outputs + b;
        const ivec label = *(const ivec *)(answers->labels + b), valid = there(p, b);
        const vec most = largest(z, row, n, 1.0f);
        vec sum = zero(), picked = zero(), total = zero();
        for (i64 c = 0; c < n; c++) {
            const vec x = load(z + c * row) - most, e = exponential(x);
            picked = choose(label == (int32_t)c, x, picked);
            total += x;
            sum += e;
            store(z + c * row, e);
        }
        const vec share = 1.0f / sum;
        for (i64 c = 0; c < n; c++) {
            vec g = load(z + c * row) * share - off;
            g -= keep_where(label == (int32_t)c, splat(1.0f - smoothing));
            store(z + c * row, keep_where(valid, g));
        }
        vec loss = logarithm(sum) - picked;
        if (smoothing != 0.0f) loss += smoothing * (picked - total / (float)n);
        losses += keep_where(valid, loss);
    }
    return (double)sum_of(losses) / (double)p->batch;
}

/* a T^2 KL(teacher | student) at temperature T, and 1 - a of the labels' cross-entropy. */
static double distilled_classes(const Pack *p, i64 m, float *outputs, const Answers *answers) {
    const i64 n = p->n_outputs, row = answers->row;
    const float a = p->mixing[m], t = p->temperature[m], cool = 1.0f / t;
    const float smoothing = p->smoothing[m];
    vec losses = zero();
    for (i64 b = 0; b < answers->examples; b += LANES) {
        float *z = outputs + b, *soft = answers->soft + b;
        const float *said = answers->teacher + b;
        const ivec label = *(const ivec *)(answers->labels + b), valid = there(p, b);
        const vec most = largest(z, row, n, 1.0f), most_soft = largest(z, row, n, cool);
        const vec most_said = largest(said, row, n, cool);
        vec sum = zero(), sum_soft = zero(), sum_said = zero(), picked = zero(), total = zero();
        for (i64 c = 0; c < n; c++) {
            const vec x = load(z + c * row) - most;
            picked = choose(label == (int32_t)c, x, picked);
            total += x;
            sum += exponential(x);
            sum_soft += exponential(load(z + c * row) * cool - most_soft);
            sum_said += exponential(load(said + c * row) * cool - most_said);
        }
        const vec ln_soft = logarithm(sum_soft), ln_said = logarithm(sum_said);
        vec divergence = zero();
        for (i64 c = 0; c < n; c++) {
            const vec student = load(z + c * row) * cool - most_soft - ln_soft;
            const vec teacher = load(said + c * row) * cool - most_said - ln_said;
            const vec wanted = exponential(teacher);
            divergence += wanted * (teacher - student);
            store(soft + c * row, (exponential(student) - wanted) * (a * t));
        }
        for (i64 c = 0; c < n; c++) {
            vec hard = exponential(load(z + c * row) - most) / sum - smoothing / (float)n;
            hard -= keep_where(label == (int32_t)c, splat(1.0f - smoothing));
            const vec g = load(soft + c * row) + hard * (1.0f - a);
            store(z + c * row, keep_where(valid, g));
        }
        vec entropy = logarithm(sum) - picked + smoothing * (picked - total / (float)n);
        losses += keep_where(valid, divergence * (a * t * t) + entropy * (1.0f - a));
    }
    return (double)sum_of(losses) / (double)p->batch;
}

/* Squared distance to the target, and of that share a to the teacher's answer. */
static double squared_error(const Pack *p, i64 m, float *outputs, const Answers *answers) {
    const float a = p->loss == DISTILLED_VALUES ? p->mixing[m] : 0.0f;
    vec losses = zero();
    for (i64 b = 0; b < answers->examples; b += LANES) {
        const ivec valid = there(p, b);
        const vec z = load(outputs + b), to_target = z - load(answers->values + b);
        vec loss = to_target * to_target, g = to_target;
        if (a != 0.0f) {
            const vec to_teacher = z - load(answers->teacher + b);
            loss = a * to_teacher * to_teacher + (1.0f - a) * loss;
            g = a * to_teacher + (1.0f - a) * g;
        }
        store(outputs + b, keep_where(valid, 2.0f * g));
        losses += keep_where(valid, loss);
    }
    return (double)sum_of(losses) / (double)p->batch;
}

static void gradient_of_loss(const Pack *p, i64 m, const i64 *rows, float *outputs,
                             Answers *answers) {
    if (p->teachers) ask_teacher(p, m, rows, answers);
    double loss;
    if (p->loss == CROSS_ENTROPY)
        loss = cross_entropy(p, m, outputs, answers);
    else if (p->loss == DISTILLED_CLASSES)
        loss = distilled_classes(p, m, outputs, answers);
    else
        loss = squared_error(p, m, outputs, answers);
    p->loss_sums[m] += loss;
}

#endif
