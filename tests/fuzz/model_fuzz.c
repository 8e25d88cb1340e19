/* SPDX-License-Identifier: Apache-2.0
 * model_fuzz.c - the header of a safetensors file; every byte of every tensor must lie in the file.
 */
#include "core/io/model.h"
#include "tests/fuzz/fuzz.h"

int FUZZ(const uint8_t *data, size_t n)
{
	struct as_err e = { 0 };
	struct io_model m = { 0 };
	const int rc = io_model_open_mem(&m, data, n, "model", &e);
	unsigned sum = 0;

	fuzz_said_why(rc, &e);
	for (size_t i = 0; rc == AS_OK && i < m.tensors; i++) {
		const uint8_t *v = m.tensor[i].data;

		for (size_t k = 0; k < m.tensor[i].size; k++) {
			sum += v[k];
		}
		if (io_model_find(&m, m.tensor[i].name) != &m.tensor[i]) {
			abort();
		}
	}
	io_model_close(&m);
	return sum == UINT32_MAX ? -1 : 0; /* the sum is used, so the bytes are read */
}
