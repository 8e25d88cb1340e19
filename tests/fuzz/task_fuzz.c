/* SPDX-License-Identifier: Apache-2.0
 * task_fuzz.c - a task file; what is understood of it must survive being written and read again. */
#include "core/io/task.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void write_task(const struct io_task *t, struct as_buf *out)
{
	struct io_jw w = { .b = out };

	io_task_write(t, &w, NULL);
}

static void round_trip(const struct io_task *t)
{
	struct as_buf once = { 0 };
	struct as_buf twice = { 0 };
	struct json_t *doc = NULL;
	struct io_task back = { 0 };
	struct as_err e = { 0 };

	write_task(t, &once);
	if (io_json_parse(once.data, once.len, "task", &doc, &e) != AS_OK ||
	    io_task_parse(&back, doc, &e) != AS_OK) {
		(void)fprintf(stderr, "what was written is refused: %s\n%.*s\n", e.msg,
			      (int)once.len, once.data);
		abort();
	}
	write_task(&back, &twice);
	if (once.len != twice.len || memcmp(once.data, twice.data, once.len) != 0) {
		(void)fprintf(stderr, "written twice:\n%.*s\n%.*s\n", (int)once.len, once.data,
			      (int)twice.len, twice.data);
		abort();
	}
	io_task_free(&back);
	io_json_free(doc);
	as_buf_free(&once);
	as_buf_free(&twice);
}

int FUZZ(const uint8_t *data, size_t n)
{
	struct as_err e = { 0 };
	struct io_task t = { 0 };
	char path[64];
	const int fd = fuzz_file(data, n, path);
	const int rc = io_task_load(&t, path, &e);

	fuzz_said_why(rc, &e);
	if (rc == AS_OK) {
		round_trip(&t);
	}
	io_task_free(&t);
	(void)close(fd);
	return 0;
}
