/* SPDX-License-Identifier: Apache-2.0
 * config_fuzz.c - assayd.ini. */
#include "core/io/config.h"
#include "tests/fuzz/fuzz.h"

int FUZZ(const uint8_t *data, size_t n)
{
	struct as_err e = { 0 };
	struct io_config c;
	char path[64];
	const int fd = fuzz_file(data, n, path);

	fuzz_said_why(io_config_load(&c, path, &e), &e);
	io_config_free(&c);
	(void)close(fd);
	return 0;
}
