/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/hyper.h"
#include "core/io/task_build.h"

#include <stdio.h>
#include <string.h>

static void write_hyper(const struct io_task *t, struct io_jw *w, const char *section)
{
	size_t n;
	const struct io_hyper_key *k = io_hyper_keys(&n);

	io_jw_obj(w, section);
	for (size_t i = 0; i < n; i++) {
		const double v = io_hyper_get(&t->hyper, &k[i]);

		if (strcmp(k[i].section, section) != 0) {
			continue;
		}
		if (k[i].whole) {
			io_jw_u64(w, k[i].key, (uint64_t)v);
		} else {
			io_jw_float(w, k[i].key, (float)v);
		}
	}
	io_jw_end_obj(w);
}

static void write_part(const struct io_part_spec *p, struct io_jw *w)
{
	io_jw_obj(w, NULL);
	io_jw_str(w, "name", p->name);
	io_jw_str(w, "modality", p->modality);
	io_jw_arr(w, "columns");
	for (size_t i = 0; i < p->columns; i++) {
		io_jw_obj(w, NULL);
		io_jw_str(w, "name", p->column[i].name);
		io_jw_str(w, "cell", io_cell_name(p->column[i].cell));
		io_jw_end_obj(w);
	}
	io_jw_end_arr(w);
	io_jw_bool(w, "every", p->every);
	io_jw_bool(w, "sheet", p->sheet);
	io_jw_u64(w, "repeat", p->repeat);
	io_jw_end_obj(w);
}

static void write_list(struct io_jw *w, const char *key, char *const *v, size_t n)
{
	io_jw_arr(w, key);
	for (size_t i = 0; i < n; i++) {
		io_jw_str(w, NULL, v[i]);
	}
	io_jw_end_arr(w);
}

static void write_abstain(const struct io_task *t, struct io_jw *w)
{
	io_jw_obj(w, "abstain");
	for (size_t i = 0; i < IO_ABSTAINS; i++) {
		if (t->abstain[i] > 0) {
			io_jw_num(w, io_abstain_name((enum io_abstain)i), t->abstain[i]);
		}
	}
	io_jw_end_obj(w);
}

void io_task_write(const struct io_task *t, struct io_jw *w, const char *key)
{
	io_jw_obj(w, key);
	io_jw_str(w, "name", t->name);
	io_jw_str(w, "id", t->id);
	io_jw_str(w, "target", t->target);
	io_jw_str(w, "kind", io_kind_name(t->kind));
	write_list(w, "labels", t->label, t->labels);
	io_jw_str(w, "group", t->group);
	io_jw_str(w, "split", t->split);
	io_jw_strn(w, "delimiter", &t->delimiter, t->delimiter ? 1 : 0);
	write_list(w, "missing", t->missing, t->missings);
	io_jw_obj(w, "operate");
	io_jw_str(w, "by", io_operate_name(t->operate));
	io_jw_num(w, "at", t->operate_at);
	io_jw_end_obj(w);
	io_jw_num(w, "coverage", t->coverage);
	write_abstain(t, w);
	io_jw_arr(w, "parts");
	for (size_t p = 0; p < t->parts; p++) {
		write_part(&t->part[p], w);
	}
	io_jw_end_arr(w);
	write_hyper(t, w, "model");
	write_hyper(t, w, "train");
	io_jw_end_obj(w);
}

static int read_name(const struct json_t *o, const char *key, char out[IO_NAME_SIZE],
		     struct as_err *e)
{
	const char *s;
	int rc;

	TRY(io_json_get_str(o, key, &s, e));
	if (!io_name_ok(s)) {
		return as_fail(e, AS_EFORMAT, "%s: %s is not [a-z0-9._-]{1,40}", key, s);
	}
	(void)snprintf(out, IO_NAME_SIZE, "%s", s);
out:
	return rc;
}

/* A string member that may be null or absent. */
static char *read_optional(const struct json_t *o, const char *key)
{
	const char *s = io_json_find_str(o, key, NULL);

	return s ? as_strdup(s) : NULL;
}

static int read_list(const struct json_t *o, const char *key, char ***out, size_t *n,
		     struct as_err *e)
{
	const struct json_t *v = io_json_find(o, key);

	for (size_t i = 0; i < io_json_len(v); i++) {
		const char *s = io_json_str(io_json_at(v, i));

		if (s == NULL) {
			return as_fail(e, AS_EFORMAT, "%s: item %zu is not a string", key, i);
		}
		*out = as_realloc(*out, *n + 1, sizeof **out);
		(*out)[(*n)++] = as_strdup(s);
	}
	return AS_OK;
}

static int read_column(const struct json_t *c, struct io_part_spec *p, struct as_err *e)
{
	enum io_cell cell = IO_AUTO;
	const char *name;
	const char *type;
	int rc;

	TRY(io_json_get_str(c, "name", &name, e));
	type = io_json_find_str(c, "cell", "auto");
	if (!io_cell_parse(type, strlen(type), &cell)) {
		return as_fail(e, AS_EFORMAT, "column %s: cell: %s is not a type", name, type);
	}
	io_part_add_column(p, name, strlen(name), cell);
out:
	return rc;
}

static int read_part(const struct json_t *o, struct io_part_spec *p, struct as_err *e)
{
	const struct json_t *columns = io_json_find(o, "columns");
	uint64_t repeat;
	int rc;

	TRY(read_name(o, "name", p->name, e));
	TRY(read_name(o, "modality", p->modality, e));
	for (size_t i = 0; i < io_json_len(columns); i++) {
		TRY(read_column(io_json_at(columns, i), p, e));
	}
	p->every = io_json_find_bool(o, "every", false);
	p->sheet = io_json_find_bool(o, "sheet", false);
	repeat = io_json_find_u64(o, "repeat", 1);
	p->repeat = repeat > IO_PAGES_MAX ? IO_PAGES_MAX + 1 : (uint32_t)repeat;
out:
	return rc;
}

static int read_parts(const struct json_t *doc, struct io_task *t, struct as_err *e)
{
	const struct json_t *parts = io_json_find(doc, "parts");
	int rc = AS_OK;

	if (io_json_len(parts) > IO_PARTS_MAX) {
		return as_fail(e, AS_EFORMAT, "parts: %zu, the limit is %d", io_json_len(parts),
			       (int)IO_PARTS_MAX);
	}
	for (size_t i = 0; i < io_json_len(parts); i++) {
		struct io_part_spec *p = &t->part[t->parts++];

		TRY(read_part(io_json_at(parts, i), p, e));
		if (io_task_part(t, p->name) != (int)i) {
			return as_fail(e, AS_EFORMAT, "parts: %s is there twice", p->name);
		}
	}
out:
	return rc;
}

/* Settings that the document does not have keep their defaults: the schema grows by members. */
static int read_hyper(const struct json_t *doc, struct io_task *t, struct as_err *e)
{
	size_t n;
	const struct io_hyper_key *k = io_hyper_keys(&n);
	int rc = AS_OK;

	for (size_t i = 0; i < n; i++) {
		const struct json_t *section = io_json_find(doc, k[i].section);
		const double v = io_json_find_num(section, k[i].key, k[i].def);

		TRY(io_hyper_check(&k[i], v, e));
		io_hyper_put(&t->hyper, &k[i], v);
	}
out:
	return rc;
}

static int read_abstain(const struct json_t *doc, struct io_task *t, struct as_err *e)
{
	const struct json_t *abstain = io_json_find(doc, "abstain");
	const char *name;
	struct json_t *v;
	void *it = NULL;
	int rc = AS_OK;

	while (io_json_next(abstain, &it, &name, &v)) {
		enum io_abstain why;

		TRY(io_abstain_parse(name, &why, e));
		t->abstain[why] = io_json_num(v, -1); /* refused by io_task_check */
	}
out:
	return rc;
}

static int read_task(const struct json_t *doc, struct io_task *t, struct as_err *e)
{
	const struct json_t *operate = io_json_find(doc, "operate");
	const char *kind;
	int rc;

	TRY(read_name(doc, "name", t->name, e));
	t->id = read_optional(doc, "id");
	t->target = read_optional(doc, "target");
	TRY(io_json_get_str(doc, "kind", &kind, e));
	TRY(io_kind_parse(kind, &t->kind, e));
	TRY(read_list(doc, "labels", &t->label, &t->labels, e));
	t->group = read_optional(doc, "group");
	t->split = read_optional(doc, "split");
	t->delimiter = io_json_find_str(doc, "delimiter", "")[0];
	TRY(read_list(doc, "missing", &t->missing, &t->missings, e));
	TRY(io_operate_parse(io_json_find_str(operate, "by", "youden"), &t->operate, e));
	t->operate_at = io_json_find_num(operate, "at", 0);
	t->coverage = io_json_find_num(doc, "coverage", IO_COVERAGE);
	TRY(read_abstain(doc, t, e));
	TRY(read_parts(doc, t, e));
	TRY(read_hyper(doc, t, e));
	TRY(io_task_check(t, e));
out:
	return rc;
}

int io_task_parse(struct io_task *t, const struct json_t *doc, struct as_err *e)
{
	int rc;

	*t = (struct io_task){ 0 };
	io_hyper_defaults(&t->hyper);
	rc = read_task(doc, t, e);
	if (rc != AS_OK) {
		io_task_free(t);
		rc = e->code = AS_EFORMAT; /* bytes from outside, not somebody's settings file */
		(void)as_wrap(e, "task");
	}
	return rc;
}
