/* SPDX-License-Identifier: Apache-2.0
 * table_fuzz.c - a table part: the first byte says whether it is a record or a sheet. */
#include "encoders/table/cells.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static const char TASK[] = "[task]\nname = fuzz\ntarget = t\nkind = value\n"
			   "[part.record]\nmodality = table\ncolumns = a, b:number\n"
			   "[part.sheet]\nmodality = table\ncolumn = s\n";
static const char STATISTICS[] =
    "{\"table\":{\"record\":[{\"name\":\"a\",\"type\":\"words\",\"present\":3,\"absent\":0},"
    "{\"name\":\"b\",\"type\":\"number\",\"present\":3,\"absent\":0,\"odd\":0,\"min\":0,\"max\":9,"
    "\"mean\":4,\"sd\":2,\"edges\":[0,1,2,9]}]}}";

struct known {
	struct io_task task;
	struct enc_table_stats stats;
	bool ready;
};

static void make_known(struct known *k)
{
	struct as_err e = { 0 };
	struct json_t *doc = NULL;
	char path[64];
	const int fd = fuzz_file((const uint8_t *)TASK, sizeof TASK - 1, path);

	if (io_task_load(&k->task, path, &e) != AS_OK ||
	    io_json_parse(STATISTICS, sizeof STATISTICS - 1, "statistics", &doc, &e) != AS_OK ||
	    enc_table_stats_parse(&k->stats, &k->task, doc, &e) != AS_OK) {
		(void)fprintf(stderr, "%s\n", e.msg);
		abort();
	}
	io_json_free(doc);
	(void)close(fd);
	k->ready = true;
}

int FUZZ(const uint8_t *data, size_t n)
{
	static struct known k; /* the same for all inputs */
	struct as_err e = { 0 };
	struct enc_input in = { 0 };
	struct assay_item item;

	if (!k.ready) {
		make_known(&k);
	}
	if (n == 0) {
		return 0;
	}
	item = (struct assay_item){ .data = data + 1,
				    .size = n - 1,
				    .type = "text/csv",
				    .part = data[0] % 2 == 0 ? "record" : "sheet" };
	fuzz_said_why(enc_cells_read(&in, &k.stats, &item, &enc_table_usual, &e), &e);
	enc_cells_free(&in);
	return 0;
}
