/* SPDX-License-Identifier: Apache-2.0
 * image_fuzz.c - an image file; what comes out of it is finite and as large as was asked for. */
#include "encoders/image/pixels.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>

int FUZZ(const uint8_t *data, size_t n)
{
	static bool ready; /* libvips is readied once */
	const struct enc_picture want = { .size = 32, .channels = 1 };
	const char *limit = NULL;
	struct as_err e = { 0 };
	struct enc_pixels px = { 0 };
	int rc = ready ? AS_OK : enc_pixels_init(&e);

	ready = true;
	if (rc == AS_OK) {
		rc = enc_pixels_read(&px, &want, data, n, &limit, &e);
	}
	fuzz_said_why(rc, &e);
	for (size_t i = 0; rc == AS_OK && i < want.size * want.size; i++) {
		if (!isfinite(px.v[i])) {
			abort();
		}
	}
	enc_pixels_free(&px);
	return 0;
}
