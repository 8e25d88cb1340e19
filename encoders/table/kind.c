/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/buf.h"
#include "core/io/csv.h"
#include "encoders/table/cells.h"
#include "encoders/table/model.h"
#include "encoders/table/table.h"

#include <stdlib.h>

const char enc_table_kind_name[] = "table";
const char enc_table_kind_version[] = "1";

struct table {
	struct enc_table_stats stats;
	struct enc_table_model model;
	struct io_pruned pruned;
	struct enc_table_most most;
};

static void table_close(void *enc)
{
	struct table *t = enc;

	if (t != NULL) {
		enc_table_model_free(&t->model);
		io_pruned_free(&t->pruned);
		enc_table_stats_free(&t->stats);
	}
	free(t);
}

static int table_open(void **enc, struct nn_params *ps, const struct io_task *task,
		      const struct json_t *statistics, struct as_err *e)
{
	struct table *t = as_calloc(1, sizeof *t);
	int rc = enc_table_stats_parse(&t->stats, task, statistics, e);

	*enc = NULL;
	if (rc == AS_OK) {
		rc = io_pruned_parse(
		    &t->pruned, statistics, "table",
		    &(struct io_whole){ .hyper = &task->hyper, .blocks = task->hyper.table_blocks },
		    e);
	}
	if (rc != AS_OK) {
		table_close(t);
		return rc;
	}
	t->most = enc_table_usual;
	enc_table_model_init(&t->model, ps, &task->hyper, enc_table_stats_columns(&t->stats),
			     &t->pruned);
	*enc = t;
	return AS_OK;
}

static const struct enc_limit table_limits[] = {
	{ "bytes", ENC_TABLE_BYTES_MAX, 64 << 20 },
	{ "rows", ENC_TABLE_ROWS_MAX, ENC_TABLE_ROWS_MAX },
	{ "columns", ENC_TABLE_COLUMNS_MAX, IO_COLUMNS_MAX },
};

static void table_set_limit(void *enc, size_t i, uint64_t most)
{
	struct table *t = enc;
	size_t *const to[] = { &t->most.bytes, &t->most.rows, &t->most.columns };

	*to[i] = most;
}

static int table_prepare(const void *enc, const struct assay_item *item, struct enc_input *in,
			 struct as_err *e)
{
	const struct table *t = enc;

	return enc_cells_read(in, &t->stats, item, &t->most, e);
}

static void table_fwd(const void *enc, const struct nn_step *s, const struct enc_input *in,
		      float *rows, void **act)
{
	const struct table *t = enc;
	struct enc_table_act *a;

	enc_table_model_fwd(&t->model, s, in->data, rows, &a);
	*act = a;
}

static void table_bwd(const void *enc, const struct nn_step *s, const struct enc_input *in,
		      const float *drows, void *act)
{
	const struct table *t = enc;

	enc_table_model_bwd(&t->model, s, in->data, drows, act);
}

static void table_guess_open(void *enc, struct nn_params *ps)
{
	struct table *t = enc;

	enc_table_model_guess_open(&t->model, ps);
}

static double table_guess(const void *enc, const struct nn_step *s, const struct enc_input *in,
			  const float *rows, const void *act, double weight, float *drows)
{
	const struct table *t = enc;

	return enc_table_model_guess(&t->model, s, in->data, rows, act, weight, drows);
}

const struct enc_kind enc_table_kind = {
	.modality = "table",
	.name = enc_table_kind_name,
	.version = enc_table_kind_version,
	.limit = table_limits,
	.limits = sizeof table_limits / sizeof *table_limits,
	.set_limit = table_set_limit,
	.open = table_open,
	.close = table_close,
	.prepare = table_prepare,
	.input_free = enc_cells_free,
	.fwd = table_fwd,
	.bwd = table_bwd,
	.guess_open = table_guess_open,
	.guess = table_guess,
};
