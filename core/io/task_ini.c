/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/cell.h"
#include "core/io/ini.h"
#include "core/io/task_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int unknown(const char *section, const char *key, const char *const *known, size_t n,
		   struct as_err *e)
{
	const char *near = io_nearest(key, known, n);

	if (near != NULL) {
		return as_fail(e, AS_ECONFIG, "[%s] has no key \"%s\" (did you mean \"%s\"?)",
			       section, key, near);
	}
	return as_fail(e, AS_ECONFIG, "[%s] has no key \"%s\"", section, key);
}

static int set_name(char out[IO_NAME_SIZE], const char *key, const char *value, struct as_err *e)
{
	if (!io_name_ok(value)) {
		return as_fail(e, AS_ECONFIG, "%s = %s: want [a-z0-9._-]{1,40}", key, value);
	}
	(void)snprintf(out, IO_NAME_SIZE, "%s", value);
	return AS_OK;
}

/* A column's name; an empty value is none. */
static void set_column(char **out, const char *value)
{
	*out = value[0] != '\0' ? as_strdup(value) : NULL;
}

static void set_list(char ***out, size_t *n, const char *value)
{
	const char *item;
	size_t size;

	while (io_cell_next(&value, ',', &item, &size)) {
		*out = as_realloc(*out, *n + 1, sizeof **out);
		(*out)[(*n)++] = as_strndup(item, size);
	}
}

static int set_delimiter(struct io_task *t, const char *value, struct as_err *e)
{
	static const struct {
		const char *name;
		char c;
	} known[] = { { "comma", ',' }, { "tab", '\t' }, { "semicolon", ';' }, { "pipe", '|' } };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcmp(value, known[i].name) == 0) {
			t->delimiter = known[i].c;
			return AS_OK;
		}
	}
	return as_fail(e, AS_ECONFIG, "delimiter = %s: want comma, tab, semicolon or pipe", value);
}

static int set_operate(struct io_task *t, const char *value, struct as_err *e)
{
	const size_t n = strcspn(value, " \t");
	char how[16];
	int rc;

	(void)snprintf(how, sizeof how, "%.*s", (int)(n < sizeof how ? n : sizeof how - 1), value);
	TRY(io_operate_parse(how, &t->operate, e));
	if (t->operate != IO_YOUDEN && !io_cell_number(value + n, &t->operate_at)) {
		rc = as_fail(e, AS_ECONFIG, "operate = %s: want a number after %s", value, how);
	}
out:
	return rc;
}

static int set_coverage(struct io_task *t, const char *value, struct as_err *e)
{
	return io_cell_number(value, &t->coverage)
		   ? AS_OK
		   : as_fail(e, AS_ECONFIG, "coverage = %s: want a number", value);
}

/* "set 1, conflict 0.5" */
static int set_abstain(struct io_task *t, const char *value, struct as_err *e)
{
	const char *item;
	size_t size;
	int rc = AS_OK;

	while (io_cell_next(&value, ',', &item, &size)) {
		char word[64];
		enum io_abstain why;
		size_t n;

		(void)snprintf(word, sizeof word, "%.*s", (int)size, item);
		n = strcspn(word, " \t");
		if (word[n] != '\0') {
			word[n++] = '\0';
		}
		TRY(io_abstain_parse(word, &why, e));
		if (!io_cell_number(word + n, &t->abstain[why]) || t->abstain[why] <= 0) {
			return as_fail(e, AS_ECONFIG,
				       "abstain = %.*s: want a number above 0 after %s", (int)size,
				       item, word);
		}
	}
out:
	return rc;
}

static int set_task(struct io_task *t, const char *key, const char *value, struct as_err *e)
{
	static const char *const known[] = { "name",    "id",      "target",   "kind",
					     "labels",  "group",   "split",    "delimiter",
					     "missing", "operate", "coverage", "abstain" };
	enum { KNOWN = sizeof known / sizeof *known };
	size_t k = 0;

	while (k < KNOWN && strcmp(known[k], key) != 0) {
		k++;
	}
	switch (k) {
	case 0:
		return set_name(t->name, key, value, e);
	case 1:
		set_column(&t->id, value);
		return AS_OK;
	case 2:
		set_column(&t->target, value);
		return AS_OK;
	case 3:
		return io_kind_parse(value, &t->kind, e);
	case 4:
		set_list(&t->label, &t->labels, value);
		return AS_OK;
	case 5:
		set_column(&t->group, value);
		return AS_OK;
	case 6:
		set_column(&t->split, value);
		return AS_OK;
	case 7:
		return set_delimiter(t, value, e);
	case 8:
		set_list(&t->missing, &t->missings, value);
		return AS_OK;
	case 9:
		return set_operate(t, value, e);
	case 10:
		return set_coverage(t, value, e);
	case 11:
		return set_abstain(t, value, e);
	default:
		return unknown("task", key, known, KNOWN, e);
	}
}

/* "age:number" or "signs". */
static void add_column(struct io_part_spec *p, const char *item, size_t n)
{
	const char *colon = memrchr(item, ':', n);
	enum io_cell cell = IO_AUTO;

	if (colon != NULL) {
		const char *type = colon + 1 + strspn(colon + 1, " \t");

		if (io_cell_parse(type, n - (size_t)(type - item), &cell)) {
			n = (size_t)(colon - item);
			while (n > 0 && (item[n - 1] == ' ' || item[n - 1] == '\t')) {
				n--;
			}
		}
	}
	io_part_add_column(p, item, n, cell);
}

static void add_columns(struct io_part_spec *p, const char *value)
{
	const char *item;
	size_t n;

	while (io_cell_next(&value, ',', &item, &n)) {
		if (n == 1 && item[0] == '*') {
			p->every = true;
		} else {
			add_column(p, item, n);
		}
	}
}

static int set_part(struct io_part_spec *p, const char *key, const char *value, struct as_err *e)
{
	static const char *const known[] = { "modality", "column", "columns", "repeat" };
	char section[IO_INI_SECTION_MAX + 1];
	double n;

	if (strcmp(key, "modality") == 0) {
		return set_name(p->modality, key, value, e);
	}
	if (strcmp(key, "columns") == 0) {
		if (p->sheet) {
			return as_fail(e, AS_ECONFIG, "columns: the part already has a column");
		}
		add_columns(p, value);
		if (p->every && p->columns > 0) {
			return as_fail(e, AS_ECONFIG, "columns = * stands alone");
		}
		return AS_OK;
	}
	if (strcmp(key, "column") == 0) {
		if (p->columns > 0 || p->every) {
			return as_fail(e, AS_ECONFIG, "column: the part already has columns");
		}
		if (value[0] == '\0') {
			return as_fail(e, AS_ECONFIG, "column: no name");
		}
		io_part_add_column(p, value, strlen(value), IO_AUTO);
		p->sheet = true; /* kept for tables only, when all keys are known */
		return AS_OK;
	}
	if (strcmp(key, "repeat") == 0) {
		if (!io_cell_number(value, &n) || n < 1 || n > IO_PAGES_MAX || n != (unsigned)n) {
			return as_fail(e, AS_ECONFIG, "repeat = %s: want 1 to %d", value,
				       (int)IO_PAGES_MAX);
		}
		p->repeat = (uint32_t)n;
		return AS_OK;
	}
	(void)snprintf(section, sizeof section, "part.%s", p->name);
	return unknown(section, key, known, 4, e);
}

static int open_part(struct io_task *t, const char *name, struct as_err *e)
{
	struct io_part_spec *p = &t->part[t->parts];

	if (!io_name_ok(name)) {
		return as_fail(e, AS_ECONFIG, "[part.%s]: want a name in [a-z0-9._-]{1,40}", name);
	}
	if (t->parts == IO_PARTS_MAX) {
		return as_fail(e, AS_ECONFIG, "[part.%s]: parts: more than %d", name,
			       (int)IO_PARTS_MAX);
	}
	(void)snprintf(p->name, sizeof p->name, "%s", name);
	p->repeat = 1;
	t->parts++;
	return AS_OK;
}

static int take(void *ctx, const struct io_ini_item *it, struct as_err *e)
{
	static const char *const known[] = { "task", "model", "train", "part.NAME" };
	struct io_task *t = ctx;
	const char *near;

	if (strncmp(it->section, "part.", 5) == 0) {
		return it->key == NULL ? open_part(t, it->section + 5, e)
				       : set_part(&t->part[t->parts - 1], it->key, it->value, e);
	}
	if (strcmp(it->section, "task") == 0) {
		return it->key == NULL ? AS_OK : set_task(t, it->key, it->value, e);
	}
	if (strcmp(it->section, "model") == 0 || strcmp(it->section, "train") == 0) {
		return it->key == NULL
			   ? AS_OK
			   : io_hyper_set(&t->hyper, it->section, it->key, it->value, e);
	}
	if (it->section[0] == '\0') {
		return as_fail(e, AS_ECONFIG, "key \"%s\" before the first [section]", it->key);
	}
	near = io_nearest(it->section, known, 4);
	return as_fail(e, AS_ECONFIG,
		       "unknown section [%s]; want [task], [part.NAME], [model] or [train]%s%s",
		       it->section, near ? ", nearest: " : "", near ? near : "");
}

int io_task_load(struct io_task *t, const char *path, struct as_err *e)
{
	static const char *const repeats[] = { "columns", NULL };
	int rc;

	*t = (struct io_task){ .path = as_strdup(path), .coverage = IO_COVERAGE };
	io_hyper_defaults(&t->hyper);
	TRY(io_ini_read(path, repeats, take, t, e));
	for (size_t p = 0; p < t->parts; p++) {
		t->part[p].sheet = t->part[p].sheet && strcmp(t->part[p].modality, "table") == 0;
	}
	rc = io_task_check(t, e);
	if (rc != AS_OK) {
		rc = as_wrap(e, "%s", path);
	}
out:
	if (rc != AS_OK) {
		io_task_free(t);
	}
	return rc;
}
