/* SPDX-License-Identifier: Apache-2.0
 * manifest_fuzz.c - JSON as it comes in messages and in a model's metadata: a task, the
 * calibration, the statistics of the training cells, what was pruned. */
#include "core/io/pruned.h"
#include "encoders/image/scatter.h"
#include "encoders/table/stats.h"
#include "fusion/calibration.h"
#include "tests/fuzz/fuzz.h"

static void parse_task(const struct json_t *doc)
{
	struct as_err e = { 0 };
	struct io_task t = { 0 };
	struct fu_calibration *c = malloc(sizeof *c);
	struct enc_table_stats s = { 0 };
	struct io_pruned p = { 0 };

	if (io_task_parse(&t, doc, &e) != AS_OK) {
		fuzz_said_why(e.code, &e);
	} else {
		e = (struct as_err){ 0 };
		fuzz_said_why(fu_calibration_parse(c, &t, io_json_find(doc, "calibration"), &e),
			      &e);
		e = (struct as_err){ 0 };
		fuzz_said_why(enc_table_stats_parse(&s, &t, io_json_find(doc, "statistics"), &e),
			      &e);
		enc_table_stats_free(&s);
		for (size_t i = 0; i < 2; i++) {
			const struct io_whole whole = { .hyper = &t.hyper,
							.blocks = t.hyper.text_blocks,
							.numbers = ENC_SCATTER_N };

			e = (struct as_err){ 0 };
			fuzz_said_why(io_pruned_parse(&p, io_json_find(doc, "statistics"),
						      i == 0 ? "text" : "image", &whole, &e),
				      &e);
			io_pruned_free(&p);
		}
	}
	io_task_free(&t);
	free(c);
}

int FUZZ(const uint8_t *data, size_t n)
{
	struct as_err e = { 0 };
	struct json_t *doc = NULL;
	const int rc = io_json_parse(data, n, "message", &doc, &e);

	fuzz_said_why(rc, &e);
	if (rc == AS_OK) {
		parse_task(doc);
	}
	io_json_free(doc);
	return 0;
}
