/* SPDX-License-Identifier: Apache-2.0
 * linear.h - linear models on sparse rows: logistic and softmax regression, ridge. */
#ifndef TR_LINEAR_H
#define TR_LINEAR_H

#include "core/io/task.h"

#include <stddef.h>
#include <stdint.h>

/* Rows of features: row i has (col[j], val[j]) for j in [start[i], start[i + 1]). */
struct tr_sparse {
	size_t rows, cols;
	size_t *start; /* [rows + 1] */
	uint32_t *col;
	float *val;
	size_t n, cap; /* of col and val */
};

void tr_sparse_free(struct tr_sparse *x);
/* Adds to the row that is being made. */
void tr_sparse_put(struct tr_sparse *x, uint32_t col, float val);
/* Ends the row: the next put is the next row's. */
void tr_sparse_end_row(struct tr_sparse *x);

/* y = W x + b, then softmax (class), sigmoid (multi), or nothing (value). */
struct tr_linear {
	enum io_kind kind;
	size_t in, out;
	double *w; /* [out, in + 1], the bias last */
};

void tr_linear_free(struct tr_linear *l);
/* Minimises the mean loss over rows (of x) of targets y [rows, out] plus l2 / 2 * sum of squared
 * weights without biases, from the weights that l has (L-BFGS). */
void tr_linear_fit(struct tr_linear *l, const struct tr_sparse *x, const float *y,
		   const size_t *rows, size_t n, double l2);
/* z [n, out]: what rows come to before softmax or sigmoid; values are the same as predicted. */
void tr_linear_outputs(const struct tr_linear *l, const struct tr_sparse *x, const size_t *rows,
		       size_t n, float *z);
/* p [n, out]: probabilities or values of rows. */
void tr_linear_predict(const struct tr_linear *l, const struct tr_sparse *x, const size_t *rows,
		       size_t n, float *p);
/* Mean loss of the rows, without the penalty. */
double tr_linear_loss(const struct tr_linear *l, const struct tr_sparse *x, const float *y,
		      const size_t *rows, size_t n);

#endif
