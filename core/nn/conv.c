/* SPDX-License-Identifier: Apache-2.0
 * conv.c - 2-d convolution, 3 x 3, padding 1, stride s, channels last.
 *
 *   forward    c_ij = the 9 in values of x around (s i, s j), zero outside        [9 in]
 *              y_ij = c_ij W' + b
 *
 *   backward   dW += dy' c      db += sum over places of dy      dc = dy W
 *              dx around (s i, s j) += dc_ij
 *
 * Chellapilla, Puri, Simard, "High Performance Convolutional Neural Networks for Document
 * Processing" (2006), section 3: unfold, then one product. */
#include "core/nn/conv.h"

#include "core/nn/linear.h"

#include <math.h>
#include <string.h>

enum { TAPS = 9 };

void nn_conv_init(struct nn_conv *l, struct nn_params *ps, const char *prefix, size_t in,
		  size_t out, size_t stride)
{
	l->in = in;
	l->out = out;
	l->stride = stride;
	/* He, Zhang, Ren, Sun (2015), arXiv:1502.01852, section 2.2. */
	l->w = nn_param_add(ps, prefix, "w", out, TAPS * in, NN_DECAY, NN_NORMAL,
			    sqrtf(2.0F / (float)(TAPS * in)));
	l->b = nn_param_add(ps, prefix, "b", 1, out, 0, NN_ZERO, 0.0F);
}

/* The product is that of a linear layer over the patches. */
static struct nn_linear as_linear(const struct nn_conv *l)
{
	return (struct nn_linear){ .in = TAPS * l->in, .out = l->out, .w = l->w, .b = l->b };
}

static size_t halved(size_t n, size_t stride)
{
	return (n + stride - 1) / stride;
}

/* Row index of tap t of output place i along one side, or -1 outside. */
static ptrdiff_t tap(size_t i, size_t t, size_t stride, size_t size)
{
	const ptrdiff_t at = (ptrdiff_t)(i * stride + t) - 1;

	return at < 0 || at >= (ptrdiff_t)size ? -1 : at;
}

static void unfold(const struct nn_conv *l, const struct nn_conv_act *a, const float *x)
{
	float *c = a->cols;

	for (size_t i = 0; i < halved(a->h, l->stride); i++) {
		for (size_t j = 0; j < halved(a->w, l->stride); j++) {
			for (size_t t = 0; t < TAPS; t++, c += l->in) {
				const ptrdiff_t r = tap(i, t / 3, l->stride, a->h);
				const ptrdiff_t q = tap(j, t % 3, l->stride, a->w);

				if (r < 0 || q < 0) {
					memset(c, 0, l->in * sizeof *c);
				} else {
					memcpy(c, x + ((size_t)r * a->w + (size_t)q) * l->in,
					       l->in * sizeof *c);
				}
			}
		}
	}
}

/* The adjoint of unfold: adds. */
static void fold(const struct nn_conv *l, const struct nn_conv_act *a, const float *dc, float *dx)
{
	for (size_t i = 0; i < halved(a->h, l->stride); i++) {
		for (size_t j = 0; j < halved(a->w, l->stride); j++) {
			for (size_t t = 0; t < TAPS; t++, dc += l->in) {
				const ptrdiff_t r = tap(i, t / 3, l->stride, a->h);
				const ptrdiff_t q = tap(j, t % 3, l->stride, a->w);
				float *to = dx + ((size_t)r * a->w + (size_t)q) * l->in;

				for (size_t k = 0; r >= 0 && q >= 0 && k < l->in; k++) {
					to[k] += dc[k];
				}
			}
		}
	}
}

void nn_conv_fwd(const struct nn_conv *l, const float *p, struct nn_conv_act *a,
		 struct as_arena *mem, const float *restrict x, size_t h, size_t w,
		 float *restrict y)
{
	const struct nn_linear map = as_linear(l);
	const size_t places = halved(h, l->stride) * halved(w, l->stride);

	a->h = h;
	a->w = w;
	a->cols = as_alloc(mem, places * TAPS * l->in, sizeof *a->cols);
	unfold(l, a, x);
	nn_linear_fwd(&map, p, a->cols, y, places);
}

void nn_conv_bwd(const struct nn_conv *l, const float *p, float *g, const struct nn_conv_act *a,
		 struct as_arena *mem, const float *restrict dy, float *restrict dx)
{
	const struct nn_linear map = as_linear(l);
	const size_t places = halved(a->h, l->stride) * halved(a->w, l->stride);
	const size_t mark = mem->used;
	float *dc = NULL;

	if (dx != NULL) {
		dc = as_zalloc(mem, places * TAPS * l->in, sizeof *dc);
	}
	nn_linear_bwd(&map, p, g, a->cols, dy, dc, places);
	if (dx != NULL) {
		fold(l, a, dc, dx);
	}
	as_arena_reset(mem, mark);
}
