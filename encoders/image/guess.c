/* SPDX-License-Identifier: Apache-2.0
 * guess.c - what the hidden cells of a picture showed, said from the features of their rows x.
 *
 *   forward    y_r = W x_r + b       8 x 8 points of each hidden cell, means of its pixels t
 *              L = mean over the points of (y - t)^2
 *   backward   dy = 2 (y - t) / points     dx, dW, db as of any linear map
 *
 * Masked patches: He, Chen, Xie, Li, Dollar, Girshick, "Masked Autoencoders Are Scalable Vision
 * Learners" (2022), arXiv:2111.06377, section 3; here the whole network sees the holes. A picture
 * has mean 0 and sd 1, and W and b start at zero, so that L starts at about 1. */
#include "encoders/hidden.h"
#include "encoders/image/model.h"
#include "encoders/kind.h"

enum { POINTS = ENC_GUESS_SIDE * ENC_GUESS_SIDE };

void enc_image_model_guess_open(struct enc_image_model *m, struct nn_params *ps)
{
	nn_linear_init(&m->guess, ps, "guess.image", m->width, POINTS * m->channels, true, 0.0F);
}

/* Where the pixels of a cell that begins at pixel `at` fall to point i of a side; false: beyond the
 * picture. */
static bool span(const struct enc_image_model *m, size_t at, size_t i, size_t *from, size_t *to)
{
	const size_t cell = m->factor * ENC_STEM_STRIDE;

	*from = at + i * cell / ENC_GUESS_SIDE;
	*to = at + (i + 1) * cell / ENC_GUESS_SIDE;
	*to = *to < m->size ? *to : m->size;
	return *from < *to;
}

/* Point p of the cell of row r, in every channel; false where the cell ends before it. */
static bool point_of(const struct enc_image_model *m, const float *view, size_t r, size_t p,
		     float *t)
{
	const size_t cell = m->factor * ENC_STEM_STRIDE;
	const size_t size = m->size;
	size_t x0;
	size_t x1;
	size_t y0;
	size_t y1;

	if (!span(m, r % m->side * cell, p % ENC_GUESS_SIDE, &x0, &x1) ||
	    !span(m, r / m->side * cell, p / ENC_GUESS_SIDE, &y0, &y1)) {
		return false;
	}
	for (size_t c = 0; c < m->channels; c++) {
		double sum = 0;

		for (size_t i = 0; i < (x1 - x0) * (y1 - y0); i++) {
			const size_t y = y0 + i / (x1 - x0);
			const size_t x = x0 + i % (x1 - x0);

			sum += (double)view[(y * size + x) * m->channels + c];
		}
		t[c] = (float)(sum / (double)((x1 - x0) * (y1 - y0)));
	}
	return true;
}

/* t [n, POINTS, channels] and which of it there is; returns how many numbers that are. */
static size_t targets(const struct enc_image_model *m, const float *view, const uint32_t *of,
		      size_t n, float *t, bool *there)
{
	size_t count = 0;

	for (size_t i = 0; i < n * POINTS; i++) {
		there[i] = point_of(m, view, of[i / POINTS], i % POINTS, t + i * m->channels);
		count += there[i] ? m->channels : 0;
	}
	return count;
}

double enc_image_model_guess(const struct enc_image_model *m, const struct nn_step *s,
			     const float *rows, const struct enc_image_act *a, double weight,
			     float *drows)
{
	const size_t mark = s->mem->used;
	uint32_t of[ENC_ROWS_MAX];
	size_t n = 0;
	double loss = 0;

	for (size_t r = 0; a->hidden != NULL && r < m->side * m->side; r++) {
		of[n] = (uint32_t)r;
		n += a->hidden[r];
	}
	if (n == 0) {
		return 0;
	}
	float *x = enc_rows_of(s->mem, rows, of, n, m->width);
	float *y = as_alloc(s->mem, n * m->guess.out, sizeof *y);
	float *t = as_alloc(s->mem, n * m->guess.out, sizeof *t);
	bool *there = as_alloc(s->mem, n * POINTS, sizeof *there);
	const double each = weight / (double)targets(m, a->view, of, n, t, there);

	nn_linear_fwd(&m->guess, s->p, x, y, n);
	for (size_t i = 0; i < n * m->guess.out; i++) { /* y becomes dy */
		const float off = there[i / m->channels] ? y[i] - t[i] : 0.0F;

		loss += each * (double)off * (double)off;
		y[i] = (float)(2 * each) * off;
	}
	if (s->g != NULL) {
		float *dx = as_zalloc(s->mem, n * m->width, sizeof *dx);

		nn_linear_bwd(&m->guess, s->p, s->g, x, y, dx, n);
		enc_rows_of_bwd(drows, dx, of, n, m->width);
	}
	as_arena_reset(s->mem, mark);
	return loss;
}
