/* SPDX-License-Identifier: Apache-2.0
 * q8_rows.h - products of quantised rows: what layers (q8.c) and attention (core/nn/attn_q8.c) are
 * made of in int8.
 *
 *   y_ro = (sum over k of a_rk b_ok - shift_o) (s_r t_o) + bias_o
 *
 * a in 0 .. 255, b in -127 .. 127. Where a is a signed number with 128 added, shift_o is 128 times
 * the sum of b's row o. Sums of integers are exact, and each y is rounded in the order written: the
 * same bits for a row alone and among others, and on every instruction set. */
#ifndef TN_Q8_ROWS_H
#define TN_Q8_ROWS_H

#include "core/tensor/panel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TN_STEP = 4,     /* numbers of a row that are multiplied at once */
	TN_Q8_ROWS = 12, /* rows of a that a product sums at once */
};

/* a [n, in], ld bytes from row to row; up to a multiple of TN_STEP bytes of a row are read. */
struct tn_q8_left {
	const uint8_t *q;
	size_t ld;
	const float *scale; /* [n] s */
};

/* b [out, in] in panels: [out / 16, in / 4, 16, 4], both rounded up, zeros where there is no b. */
struct tn_q8_right {
	const int8_t *panel;
	size_t out, in;
	size_t stride;        /* bytes from panel to panel */
	const float *scale;   /* [out] t */
	const int32_t *shift; /* [out]; NULL: 0 */
	const float *bias;    /* [out]; NULL: 0 */
};

/* Bytes of a panel of rows of `in` numbers. */
static inline size_t tn_panel_size(size_t in)
{
	return tn_round_up(in, TN_STEP) * TN_PANEL;
}

/* y [n, out] = a b', by the processor's instructions for it where it has them. */
void tn_q8_product(const struct tn_q8_left *a, const struct tn_q8_right *b, const struct tn_out *y,
		   size_t n);
/* The same in plain C, and with AVX-512 VNNI; tn_has_vnni says whether there is that. */
void tn_q8_portable(const struct tn_q8_left *a, const struct tn_q8_right *b, const struct tn_out *y,
		    size_t n);
void tn_q8_vnni(const struct tn_q8_left *a, const struct tn_q8_right *b, const struct tn_out *y,
		size_t n);
bool tn_has_vnni(void);

/* w [out, in] into panels, tn_panel_size(in) each; sum [out] gets 128 times the sums of its rows.
 */
void tn_q8_pack(const int8_t *w, size_t ld, size_t out, size_t in, int8_t *panel, int32_t *sum);
/* The same of the transpose of w [in, out], without the sums. */
void tn_q8_pack_columns(const int8_t *w, size_t ld, size_t out, size_t in, int8_t *panel);

/* Rows of floats, ld apart; by [cols] multiplies them first (NULL: 1). */
struct tn_float_rows {
	const float *x;
	size_t ld;
	const float *by;
};
/* s_r = max |x_r| / 127, q_rk = round(x_rk / s_r) + 128; rows of q are ldq bytes apart. */
void tn_quantize_rows(const struct tn_float_rows *x, uint8_t *restrict q, size_t ldq,
		      float *restrict scale, size_t rows, size_t cols);
/* The same without the 128. */
void tn_quantize_keys(const struct tn_float_rows *x, int8_t *restrict q, size_t ldq,
		      float *restrict scale, size_t rows, size_t cols);
/* A scale a column: t_c = max over rows of |x_rc| / 127. At most 1,024 columns. */
void tn_quantize_columns(const struct tn_float_rows *x, int8_t *restrict q, size_t ldq,
			 float *restrict scale, size_t rows, size_t cols);
/* p_rj = round(255 e^(scale (x_rj - max x_r))) within 0.03, part_r = 1 / sum over j of p_rj. Rows
 * of p are ld apart as those of x are, a multiple of 16: what stands in p between the columns and
 * the next such multiple is zeroed. -INFINITY masks; each row needs one that is not masked. */
void tn_softmax_q8(const struct tn_float_rows *x, uint8_t *restrict p, float *restrict part,
		   size_t rows, size_t cols, float scale);
/* q = GELU(x), within 3e-4, as tn_quantize_rows has it; x [rows, cols] is overwritten. */
void tn_gelu_q8(float *restrict x, uint8_t *restrict q, float *restrict scale, size_t rows,
		size_t cols);

/* y = (acc - shift) (s t) + bias; y may be acc's own memory. Rows of both are out long. */
void tn_q8_scale(const int32_t *acc, const float *row, const struct tn_q8_right *b, float *y,
		 size_t rows);

#endif
