/* Products of small matrices: C[m, n] = sum_k A[m, k] B[k, n], with the rows of B anywhere in memory.
 *
 * A's values are spread over a register each, B's rows are read as vectors: the batch is B's row, so
 * neither has to be packed, and even the narrowest network fills whole registers. */

#ifndef PAYOFF_PRODUCTS
#define PAYOFF_PRODUCTS

#include "vectors.h"

typedef struct {
    const float *a;
    i64 a_row, a_depth; /* steps of A from row to row and along the sum */
    const float *b;
    i64 b_depth;           /* step of B along the sum, if there are no offsets */
    const i64 *b_offsets;  /* where each of B's rows begins, or NULL */
    i64 rows, depth, columns;
    float *out;
    i64 out_row;
    const float *bias;       /* per row */
    const float *activation; /* as out: where it is not above 0, the result is 0 */
    float factor;
    enum { SCALED, BIASED, RECTIFIED, GATED } finish; /* what becomes of the sums */
} Product;

INLINE void finish_tile(const int rows, const int vectors, const Product *p,
                        i64 row, i64 column, vec sums[][2]) {
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++) {
        const i64 at = (row + i) * p->out_row + column + j * LANES;
        vec v = sums[i][j];
        if (p->finish == SCALED) {
            const i64 left = p->columns - column - j * LANES;
            v *= p->factor;
            if (left < LANES) {
                store_some(p->out + at, v, left);
                continue;
            }
        } else if (p->finish == BIASED) {
            v += p->bias[row + i];
        } else if (p->finish == RECTIFIED) {
            v = relu(v + p->bias[row + i]);
        } else {
            v = keep_where(~(load(p->activation + at) <= 0.0f), v * p->factor);
        }
        store(p->out + at, v);
    }
}

INLINE void sum_tile(const int scattered, const int rows, const int vectors, const Product *p,
                     i64 row, i64 column, vec sums[][2]) {
    const float *a = p->a + row * p->a_row;
    const float *b = p->b + column;
    const i64 depth = p->depth, a_row = p->a_row, a_depth = p->a_depth, b_depth = p->b_depth;
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++)
        sums[i][j] = zero();
    for (i64 k = 0; k < depth; k++) {
        const float *from = scattered ? b + p->b_offsets[k] : b + k * b_depth;
        vec line[2];
        UNROLL for (int j = 0; j < vectors; j++) line[j] = load(from + j * LANES);
        UNROLL for (int i = 0; i < rows; i++) {
            const float value = a[i * a_row];
            UNROLL for (int j = 0; j < vectors; j++) sums[i][j] += value * line[j];
        }
        a += a_depth;
    }
}

#define TILE(n)                                           \
    case n: {                                             \
        vec sums[n][2];                                   \
        sum_tile(scattered, n, vectors, p, row, column, sums); \
        finish_tile(n, vectors, p, row, column, sums);    \
        break;                                            \
    }

INLINE void tile(const int scattered, const int vectors, const Product *p, i64 row, i64 column) {
    const i64 left = p->rows - row;
    switch (left < TILE_ROWS ? left : TILE_ROWS) {
        TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
#if TILE_ROWS == 12
        TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12)
#endif
    }
}

APART void tile_of_one(const Product *p, i64 row, i64 column) { tile(0, 1, p, row, column); }
APART void tile_of_two(const Product *p, i64 row, i64 column) { tile(0, 2, p, row, column); }
APART void scattered_one(const Product *p, i64 row, i64 column) { tile(1, 1, p, row, column); }
APART void scattered_two(const Product *p, i64 row, i64 column) { tile(1, 2, p, row, column); }

INLINE void next_tile(const Product *p, i64 row, i64 column) {
    const int one = column + LANES >= p->columns;
    if (p->b_offsets)
        (one ? scattered_one : scattered_two)(p, row, column);
    else
        (one ? tile_of_one : tile_of_two)(p, row, column);
}

/* What stays in the first-level cache goes through its tiles in the inner loop: all of B where it
 * is small, else one tile's columns of it. */
enum { FIRST_LEVEL_VALUES = 32 * 1024 / 4 };

static void product(const Product *p) {
    if (p->depth * p->columns <= FIRST_LEVEL_VALUES) {
        for (i64 row = 0; row < p->rows; row += TILE_ROWS)
            for (i64 column = 0; column < p->columns; column += 2 * LANES)
                next_tile(p, row, column);
        return;
    }
    for (i64 column = 0; column < p->columns; column += 2 * LANES)
        for (i64 row = 0; row < p->rows; row += TILE_ROWS) next_tile(p, row, column);
}

/* Write the transpose of (rows, columns) values, as (columns, rows): both padded to whole vectors. */
APART void transpose(const float *from, i64 from_row, i64 rows, i64 columns, float *to, i64 to_row) {
    for (i64 r = 0; r < rows; r += LANES)
        for (i64 c = 0; c < columns; c += LANES) {
            vec tile[LANES];
            UNROLL for (int i = 0; i < LANES; i++) tile[i] = load(from + (r + i) * from_row + c);
            transpose_tile(tile);
            UNROLL for (int i = 0; i < LANES; i++) store(to + (c + i) * to_row + r, tile[i]);
        }
}

/* Sums along rows, times a share; LANES rows at a time, which `from` must have. */
APART void mean_of_rows(const float *from, i64 from_row, i64 rows, i64 columns, float share,
                        float *to) {
    for (i64 r = 0; r < rows; r += LANES) {
        vec sums[LANES];
        for (int i = 0; i < LANES; i++) {
            const float *line = from + (r + i) * from_row;
            sums[i] = load(line);
            for (i64 c = LANES; c < columns; c += LANES) sums[i] += load(line + c);
        }
        transpose_tile(sums);
        vec total = sums[0];
        UNROLL for (int i = 1; i < LANES; i++) total += sums[i];
        if (rows - r >= LANES)
            store(to + r, total * share);
        else
            store_some(to + r, total * share, rows - r);
    }
}

#endif
