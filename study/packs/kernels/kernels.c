/* The trainings of a pack, many steps a call: what study/training/compiling.py compiles and loads. */

#include "convolutions.h"
#include "perceptrons.h"

i64 lanes(void) { return LANES; }

i64 perceptron_bytes(const Pack *p, const Perceptrons *net) {
    Arena arena = {(char *)0, 0};
    PerceptronWork work;
    perceptron_work(&arena, p, net, &work);
    return arena.used + 64;
}

/* Take n_steps steps of the models from begin to end, of which the first is first_step; `prepared`
 * is its place in p->rows. The block is as long as perceptron_bytes says, and zeros when it is first
 * used. */
void perceptron_steps(const Pack *p, const Perceptrons *net, char *block, i64 first_step,
                      i64 n_steps, i64 prepared, i64 begin, i64 end) {
    Arena arena = {block, 0};
    PerceptronWork work;
    perceptron_work(&arena, p, net, &work);
    train_perceptrons(p, net, &work, first_step, n_steps, prepared, begin, end);
}

void perceptron_outputs(const Pack *p, const Perceptrons *net, char *block,
                        const float *const *tables, i64 shared, i64 n, float *out) {
    Arena arena = {block, 0};
    PerceptronWork work;
    perceptron_work(&arena, p, net, &work);
    ask_perceptrons(p, net, &work, tables, shared, n, out);
}

i64 convolution_bytes(const Pack *p, const Convolutions *net) {
    Arena arena = {(char *)0, 0};
    ConvolutionWork work;
    convolution_work(&arena, p, net, &work);
    return arena.used + 64;
}

void convolution_steps(const Pack *p, const Convolutions *net, char *block, i64 first_step,
                       i64 n_steps, i64 prepared, i64 begin, i64 end) {
    Arena arena = {block, 0};
    ConvolutionWork work;
    convolution_work(&arena, p, net, &work);
    train_convolutions(p, net, &work, first_step, n_steps, prepared, begin, end);
}

void convolution_outputs(const Pack *p, const Convolutions *net, char *block,
                         const float *const *tables, i64 shared, i64 n, float *out) {
    Arena arena = {block, 0};
    ConvolutionWork work;
    convolution_work(&arena, p, net, &work);
    ask_convolutions(p, net, &work, tables, shared, n, out);
}
