/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/buf.h"
#include "core/io/csv.h"
#include "encoders/table/stats.h"

#include <math.h>
#include <string.h>

static void write_column(const struct enc_column *c, struct io_jw *w)
{
	io_jw_obj(w, NULL);
	io_jw_str(w, "name", c->name);
	io_jw_str(w, "type", io_cell_name(c->cell));
	io_jw_u64(w, "present", c->present);
	io_jw_u64(w, "absent", c->absent);
	if (c->cell == IO_NUMBER) {
		io_jw_u64(w, "odd", c->odd);
		io_jw_num(w, "min", c->min);
		io_jw_num(w, "max", c->max);
		io_jw_num(w, "mean", c->mean);
		io_jw_num(w, "sd", c->sd);
		io_jw_arr(w, "edges");
		for (size_t i = 0; i < c->edges; i++) {
			io_jw_float(w, NULL, c->edge[i]);
		}
		io_jw_end_arr(w);
	}
	io_jw_end_obj(w);
}

void enc_table_stats_write(const struct enc_table_stats *s, struct io_jw *w, const char *key)
{
	io_jw_obj(w, key);
	for (size_t i = 0; i < s->task->parts; i++) {
		if (s->part[i].n == 0) {
			continue;
		}
		io_jw_arr(w, s->task->part[i].name);
		for (size_t c = 0; c < s->part[i].n; c++) {
			write_column(s->part[i].column[c], w);
		}
		io_jw_end_arr(w);
	}
	io_jw_end_obj(w);
}

static int parse_edges(struct enc_column *c, const struct json_t *doc, size_t bins,
		       struct as_err *e)
{
	const struct json_t *edges = io_json_find(doc, "edges");
	const size_t n = io_json_len(edges);

	if (!io_json_is_arr(edges) || n > bins + 1) {
		return as_fail(e, AS_EFORMAT, "edges: want an array of at most %zu numbers",
			       bins + 1);
	}
	c->edge = as_calloc(bins + 1, sizeof *c->edge);
	for (size_t i = 0; i < n; i++) {
		c->edge[i] = (float)io_json_num(io_json_at(edges, i), (double)NAN);
		if (!isfinite(c->edge[i]) || (i > 0 && c->edge[i] <= c->edge[i - 1])) {
			return as_fail(e, AS_EFORMAT, "edges: number %zu is not above the last", i);
		}
	}
	c->edges = n;
	return AS_OK;
}

static int parse_column(struct enc_table_stats *s, size_t part, const struct json_t *doc,
			struct as_err *e)
{
	struct enc_column *c;
	enum io_cell cell = IO_WORDS;
	const char *name;
	const char *type;
	int rc;

	TRY(io_json_get_str(doc, "name", &name, e));
	TRY(io_json_get_str(doc, "type", &type, e));
	if (strcmp(type, io_cell_name(IO_NUMBER)) == 0) {
		cell = IO_NUMBER;
	} else if (strcmp(type, io_cell_name(IO_WORDS)) != 0) {
		return as_fail(e, AS_EFORMAT, "\"%s\": type \"%s\" is not known", name, type);
	}
	if (enc_table_stats_find(s, part, name) != NULL) {
		return as_fail(e, AS_EFORMAT, "column \"%s\" comes twice", name);
	}
	c = enc_table_stats_put(s, part, name, cell);
	c->present = io_json_find_u64(doc, "present", 0);
	c->absent = io_json_find_u64(doc, "absent", 0);
	if (cell == IO_NUMBER) {
		c->odd = io_json_find_u64(doc, "odd", 0);
		c->min = io_json_find_num(doc, "min", 0.0);
		c->max = io_json_find_num(doc, "max", 0.0);
		c->mean = io_json_find_num(doc, "mean", 0.0);
		c->sd = io_json_find_num(doc, "sd", 0.0);
		rc = parse_edges(c, doc, s->task->hyper.table_bins, e);
		if (rc != AS_OK) {
			return as_wrap(e, "\"%s\"", name);
		}
	}
out:
	return rc;
}

static int parse_part(struct enc_table_stats *s, const char *name, const struct json_t *columns,
		      struct as_err *e)
{
	const int part = io_task_part(s->task, name);
	int rc = AS_OK;

	if (part < 0 || strcmp(s->task->part[part].modality, "table") != 0 || s->part[part].n > 0) {
		return as_fail(e, AS_EFORMAT, "the task has no table part of this name");
	}
	if (!io_json_is_arr(columns) || io_json_len(columns) > IO_COLUMNS_MAX) {
		return as_fail(e, AS_EFORMAT, "want an array of at most %d columns",
			       (int)IO_COLUMNS_MAX);
	}
	for (size_t i = 0; i < io_json_len(columns); i++) {
		TRY(parse_column(s, (size_t)part, io_json_at(columns, i), e));
	}
out:
	return rc;
}

int enc_table_stats_parse(struct enc_table_stats *s, const struct io_task *task,
			  const struct json_t *doc, struct as_err *e)
{
	const struct json_t *table = doc != NULL ? io_json_find(doc, "table") : NULL;
	struct json_t *columns;
	const char *name;
	void *it = NULL;

	*s = (struct enc_table_stats){ .task = task };
	while (table != NULL && io_json_next(table, &it, &name, &columns)) {
		if (parse_part(s, name, columns, e) != AS_OK) {
			return as_wrap(e, "statistics: table: %s", name);
		}
	}
	return AS_OK;
}
