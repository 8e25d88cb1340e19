/* SPDX-License-Identifier: Apache-2.0
 * fuzz.h - a harness is one file, NAME_fuzz.c, with one function FUZZ(data, n) that hands the bytes
 * to one reader of what comes from outside. Built by clang it is what libFuzzer calls (`make
 * fuzz`); in `make test` corpus_test.c calls it as fuzz_NAME with every file of corpus/NAME.
 *
 * What a reader does with the bytes is its own business as long as it ends, leaks nothing, steps on
 * nothing, and when it says no says why: fuzz_said_why. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include "core/base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef FUZZ
#define FUZZ LLVMFuzzerTestOneInput
#endif
int FUZZ(const uint8_t *data, size_t n);

/* A refusal carries a code and a reason. */
static inline void fuzz_said_why(int rc, const struct as_err *e)
{
	if (rc != AS_OK && (e->code != rc || e->msg[0] == '\0')) {
		(void)fprintf(stderr, "refused with %d but without a reason\n", rc);
		abort();
	}
}

/* The bytes as a file that a reader can open by its path; its descriptor is to be closed. */
static inline int fuzz_file(const uint8_t *data, size_t n, char path[64])
{
	const int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, n) != (ssize_t)n) {
		perror("memfd");
		abort();
	}
	(void)snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

#endif
