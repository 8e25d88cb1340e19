/* SPDX-License-Identifier: Apache-2.0
 * standard.c - weight standardisation, row by row.
 *
 *   forward    c = r - mean(r)     w = c / l      l = max(|c|, LEAST)
 *
 *   backward   dr = (dw - mean(dw) - w (w . dw)) / l      w has mean 0 and length 1
 *
 * A row that has as good as no length gets no gradient. A filter's response is then one of
 * contrast, and of a size that does not depend on its weights: with group norms behind them
 * convolutions learn from few pictures and small batches as they do with statistics over a batch,
 * which would tie a picture's answer to others. Qiao, Wang, Liu, Shen, Yuille, "Micro-Batch
 * Training with Batch-Channel Normalization and Weight Standardization" (2019), arXiv:1903.10520,
 * section 3. */
#include "core/nn/standard.h"

#include "core/tensor/rows.h"

#include <math.h>

static const float LEAST = 1e-6F;

static float mean(const float *v, size_t n)
{
	double sum = 0.0;

	for (size_t i = 0; i < n; i++) {
		sum += (double)v[i];
	}
	return (float)(sum / (double)n);
}

/* Length of a row less its mean m. */
static float length(const float *v, float m, size_t n)
{
	double sum = 0.0;

	for (size_t i = 0; i < n; i++) {
		sum += (double)(v[i] - m) * (double)(v[i] - m);
	}
	return fmaxf((float)sqrt(sum), LEAST);
}

void nn_standard_fwd(const float *r, float *w, size_t rows, size_t cols)
{
	for (size_t i = 0; i < rows * cols; i += cols) {
		const float m = mean(r + i, cols);
		const float l = length(r + i, m, cols);

		for (size_t j = i; j < i + cols; j++) {
			w[j] = (r[j] - m) / l;
		}
	}
}

void nn_standard_bwd(const float *r, const float *w, float *g, size_t rows, size_t cols)
{
	for (size_t i = 0; i < rows * cols; i += cols) {
		const float l = length(r + i, mean(r + i, cols), cols);
		const float m = mean(g + i, cols);
		const float along = tn_dot(w + i, g + i, cols);

		for (size_t j = i; j < i + cols; j++) {
			g[j] = l > LEAST ? (g[j] - m - w[j] * along) / l : 0.0F;
		}
	}
}
