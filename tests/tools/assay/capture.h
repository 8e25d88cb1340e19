/* SPDX-License-Identifier: Apache-2.0
 * capture.h - runs a command of `assay` in the test's own process and keeps what it prints. */
#ifndef TESTS_CAPTURE_H
#define TESTS_CAPTURE_H

#include "core/base/buf.h"

struct capture {
	struct as_buf out, err; /* standard output and standard error */
	int rc;                 /* the exit code */
};

/* args is ended by NULL; args[0] is the command's name. Free with capture_free. */
struct capture capture(int (*cmd)(int argc, char **argv), const char *const *args);
void capture_free(struct capture *c);

#endif
