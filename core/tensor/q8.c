/* SPDX-License-Identifier: Apache-2.0
 * q8.c - the integer product of a layer: by oneDNN where the processor has AMX, else by our own
 * loops (q8_vnni.c, q8_product.c). All give the same sums, so whatever oneDNN refuses to do is done
 * by the loops. */
#include "core/tensor/q8.h"

#include "core/base/buf.h"
#include "core/tensor/q8_onednn.h"
#include "core/tensor/q8_rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROWS = 240,            /* of x at a time */
	QUANTIZED = 256 << 10, /* bytes of x quantised at a time */
	ALIGN = 64,
};

struct tn_q8 {
	size_t out, in;
	size_t stride;            /* bytes of a panel */
	int8_t *panel;            /* [out / 16, in / 4, 16, 4] */
	float *scale;             /* [out] */
	int32_t *shift;           /* [out] */
	float *zero;              /* [out] where there is no bias */
	struct tn_onednn *onednn; /* NULL: our own loops */
};

void tn_q8_init(void)
{
	(void)tn_has_amx();
}

int tn_q8_open(struct tn_q8 **out, const int8_t *w, const float *scale, size_t rows, size_t in,
	       struct as_err *e)
{
	struct tn_q8 *q;

	*out = NULL;
	if (in > TN_Q8_IN_MAX) {
		return as_fail(e, AS_ESHAPE, "int8 weights of %zu columns, the limit is %d", in,
			       (int)TN_Q8_IN_MAX);
	}
	q = as_calloc(1, sizeof *q);
	q->out = rows;
	q->in = in;
	q->stride = tn_panel_size(in);
	q->panel = aligned_alloc(ALIGN, tn_round_up(rows, TN_PANEL) / TN_PANEL * q->stride);
	if (q->panel == NULL) {
		as_no_memory(rows * q->stride);
	}
	q->scale = as_malloc(rows * sizeof *q->scale);
	q->shift = as_calloc(rows, sizeof *q->shift);
	q->zero = as_calloc(rows, sizeof *q->zero);
	tn_q8_pack(w, in, rows, in, q->panel, q->shift);
	memcpy(q->scale, scale, rows * sizeof *scale);
	q->onednn = tn_has_amx() ? tn_onednn_open(w, rows, in) : NULL;
	*out = q;
	return AS_OK;
}

void tn_q8_close(struct tn_q8 *q)
{
	if (q == NULL) {
		return;
	}
	tn_onednn_close(q->onednn);
	free(q->zero);
	free(q->shift);
	free(q->scale);
	free(q->panel);
	free(q);
}

struct tn_q8_right tn_q8_whole(const struct tn_q8 *q, const float *bias)
{
	return (struct tn_q8_right){ .panel = q->panel,
				     .out = q->out,
				     .in = q->in,
				     .stride = q->stride,
				     .scale = q->scale,
				     .shift = q->shift,
				     .bias = bias };
}

struct tn_q8_right tn_q8_outputs(const struct tn_q8 *q, size_t o0, size_t o1)
{
	struct tn_q8_right b = tn_q8_whole(q, NULL);

	assert(o0 % TN_PANEL == 0);
	b.panel += o0 / TN_PANEL * q->stride;
	b.scale += o0;
	b.shift += o0;
	b.out = o1 - o0;
	return b;
}

struct tn_q8_right tn_q8_inputs(const struct tn_q8 *q, size_t k0, size_t k1, struct as_arena *mem)
{
	struct tn_q8_right b = tn_q8_whole(q, NULL);
	float *one = as_alloc(mem, q->out, sizeof *one);
	float *sum = as_alloc(mem, q->out, sizeof *sum);
	int32_t *shift = as_alloc(mem, q->out, sizeof *shift);
	uint8_t *row = as_alloc(mem, k1 - k0, 1);
	const float unit = 1.0F;

	assert(k0 % TN_STEP == 0 && k1 % TN_STEP == 0);
	b.panel += k0 * TN_PANEL;
	b.in = k1 - k0;
	for (size_t o = 0; o < q->out; o++) {
		one[o] = 1.0F;
	}
	/* The sums of W's columns are what a row of ones gives; whole numbers below 2^24. */
	memset(row, 1, k1 - k0);
	b.scale = one;
	b.shift = NULL;
	tn_q8_product(&(struct tn_q8_left){ row, k1 - k0, &unit }, &b,
		      &(struct tn_out){ sum, q->out, false }, 1);
	for (size_t o = 0; o < q->out; o++) {
		shift[o] = 128 * (int32_t)sum[o];
	}
	b.scale = q->scale;
	b.shift = shift;
	return b;
}

/* By oneDNN: first the sums, in y, then what they stand for. How many of n rows it did. */
static size_t run_onednn(struct tn_q8 *q, const struct tn_q8_left *a, const struct tn_q8_right *b,
			 float *y, size_t n)
{
	struct tn_q8_right full = *b;
	size_t done = 0;

	full.bias = b->bias != NULL ? b->bias : q->zero;
	while (done < n) {
		float *at = y + done * q->out;
		const size_t m = tn_onednn_rows(n - done, SIZE_MAX);

		if (!tn_onednn_mul(q->onednn, a->q + done * q->in, (void *)at, m)) {
			return done;
		}
		tn_q8_scale((const void *)at, a->scale + done, &full, at, m);
		done += m;
	}
	return done;
}

void tn_q8_run(struct tn_q8 *q, const struct tn_q8_left *a, const float *bias, float *y, size_t n)
{
	const struct tn_q8_right b = tn_q8_whole(q, bias);
	const size_t done = q->onednn != NULL && a->ld == q->in ? run_onednn(q, a, &b, y, n) : 0;
	const struct tn_q8_left rest = { a->q + done * a->ld, a->ld, a->scale + done };

	tn_q8_product(&rest, &b, &(struct tn_out){ y + done * q->out, q->out, false }, n - done);
}

void tn_q8_mul(struct tn_q8 *q, const float *restrict x, const float *bias, float *restrict y,
	       size_t n)
{
	uint8_t xq[QUANTIZED] __attribute__((aligned(ALIGN)));
	float row[ROWS];
	const size_t ld = tn_round_up(q->in, TN_STEP);
	const size_t fit = QUANTIZED / ld;
	const size_t most = fit < ROWS ? fit : ROWS;

	for (size_t i = 0, m; i < n; i += m) {
		const struct tn_float_rows from = { x + i * q->in, q->in, NULL };

		m = n - i < most ? n - i : most;
		tn_quantize_rows(&from, xq, ld, row, m, q->in);
		tn_q8_run(q, &(struct tn_q8_left){ xq, ld, row }, bias, y + i * q->out, m);
	}
}
