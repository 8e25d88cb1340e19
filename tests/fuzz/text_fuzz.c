/* SPDX-License-Identifier: Apache-2.0
 * text_fuzz.c - a text; every row's place lies within it, in order. */
#include "encoders/text/tokens.h"
#include "tests/fuzz/fuzz.h"

int FUZZ(const uint8_t *data, size_t n)
{
	struct as_err e = { 0 };
	struct enc_input in = { 0 };
	const int rc =
	    enc_tokens_read(&in, data, n, 256, (struct enc_text_most){ 512, 1 << 20 }, &e);

	fuzz_said_why(rc, &e);
	for (size_t r = 0; rc == AS_OK && r < in.rows; r++) {
		const struct assay_place *p = &in.place[r];

		if (p->a > p->b || p->b > n || (r > 0 && p->a < in.place[r - 1].a)) {
			(void)fprintf(stderr, "row %zu: bytes %u to %u of %zu\n", r, p->a, p->b, n);
			abort();
		}
	}
	enc_tokens_free(&in);
	return 0;
}
