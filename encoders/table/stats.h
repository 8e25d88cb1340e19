/* SPDX-License-Identifier: Apache-2.0
 * stats.h - what the training cells of the task's table parts hold, by part and column: numbers or
 * words, and where a number's quantile bins lie. Training gathers it (init, add for each part of
 * each training case, finish) and writes it as a member of the model's "statistics" metadata:
 *
 *   {"table":{"findings":[{"name":"age","type":"number","present":190,"absent":10,"odd":0,
 *                          "min":..,"max":..,"mean":..,"sd":..,"edges":[..]},
 *                         {"name":"shape","type":"words","present":200,"absent":0}]}}
 *
 * odd: cells without a number in a column of numbers; they are read as absent. */
#ifndef ENC_TABLE_STATS_H
#define ENC_TABLE_STATS_H

#include "core/base/map.h"
#include "core/base/rng.h"
#include "core/io/json.h"
#include "core/io/task.h"
#include "plugins/assay_plugin.h"

enum {
	ENC_SHEET_COLUMNS_MAX = 256,    /* of a sheet part that are told apart, the first seen */
	ENC_STATS_SAMPLE_MAX = 1 << 16, /* values of a column that quantiles are taken from */
};

struct enc_column {
	char *name;
	size_t index;      /* in its part */
	enum io_cell cell; /* IO_AUTO until finish where the task does not say */
	size_t present, absent, odd;
	double min, max, mean, sd; /* of the numbers */
	float *edge;               /* [edges] ascending borders of the bins; NULL for words */
	size_t edges;              /* at most table_bins + 1 */
	/* while gathering */
	double *sample; /* [samples] */
	size_t samples, cap;
	size_t numbers;
	double squares; /* sum of (x - mean)^2 */
};

struct enc_table_stats {
	const struct io_task *task; /* borrowed */
	struct {
		struct enc_column **column; /* [n] */
		size_t n, cap;
		struct as_map index; /* name -> column */
	} part[IO_PARTS_MAX];        /* as in the task; n is 0 for what is no table */
	struct as_rng rng;           /* which values are sampled */
};

void enc_table_stats_init(struct enc_table_stats *s, const struct io_task *task);
/* Accepts a zeroed struct, zeroes it. */
void enc_table_stats_free(struct enc_table_stats *s);

/* Counts the cells of one table part; fails as the encoder's prepare does, and then counts
 * nothing. */
int enc_table_stats_add(struct enc_table_stats *s, const struct assay_item *item,
			struct as_err *e) AS_CHECKED;
/* Settles types and bins (the task's table_bins); no add after it. */
void enc_table_stats_finish(struct enc_table_stats *s);

/* Writes one object: key "table" in the model's "statistics". */
void enc_table_stats_write(const struct enc_table_stats *s, struct io_jw *w, const char *key);
/* Reads member "table" of the model's "statistics"; doc NULL or without it: no column is known.
 * AS_EFORMAT names part and column. Free also after a failure. */
int enc_table_stats_parse(struct enc_table_stats *s, const struct io_task *task,
			  const struct json_t *doc, struct as_err *e) AS_CHECKED;

/* Adds an unfilled column to a part. */
struct enc_column *enc_table_stats_put(struct enc_table_stats *s, size_t part, const char *name,
				       enum io_cell cell);
/* NULL: unknown. */
const struct enc_column *enc_table_stats_find(const struct enc_table_stats *s, size_t part,
					      const char *name);
/* Columns of all parts. */
size_t enc_table_stats_columns(const struct enc_table_stats *s);
/* The number of a part's column among all parts' columns. */
size_t enc_table_stats_number(const struct enc_table_stats *s, size_t part,
			      const struct enc_column *c);

#endif
