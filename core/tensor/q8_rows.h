/* SPDX-License-Identifier: Apache-2.0
 * q8_rows.h - the row kernels of q8.c; core/tensor's own. */
#ifndef TN_Q8_ROWS_H
#define TN_Q8_ROWS_H

#include <stddef.h>
#include <stdint.h>

/* acc [rows, out] = q [rows, in] w', w [out, in]: what oneDNN does where the processor has
 * instructions for it that do not saturate. */
void tn_q8_portable(const uint8_t *restrict q, const int8_t *restrict w, int32_t *restrict acc,
		    size_t rows, size_t out, size_t in);

struct tn_q8_scales {
	const float *row;     /* [rows] s */
	const float *col;     /* [out] t */
	const int32_t *shift; /* [out] 128 * sum over k of w: the 128 in q, taken out again */
	const float *bias;    /* [out] */
};
/* y = (acc - shift) (s t) + bias; y may be acc's own memory. */
void tn_q8_scale(const int32_t *acc, const struct tn_q8_scales *s, float *y, size_t rows,
		 size_t out);

#endif
