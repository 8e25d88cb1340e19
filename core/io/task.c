/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/cell.h"
#include "core/io/task_build.h"
#include "core/nn/gnorm.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void strings_free(char **v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i]);
	}
	free(v);
}

void io_task_free(struct io_task *t)
{
	free(t->path);
	free(t->id);
	free(t->target);
	free(t->group);
	free(t->split);
	strings_free(t->label, t->labels);
	strings_free(t->missing, t->missings);
	for (size_t p = 0; p < t->parts; p++) {
		io_part_clear(&t->part[p]);
	}
	*t = (struct io_task){ 0 };
}

void io_part_clear(struct io_part_spec *p)
{
	for (size_t i = 0; i < p->columns; i++) {
		free(p->column[i].name);
	}
	free(p->column);
	p->column = NULL;
	p->columns = 0;
}

int io_task_part(const struct io_task *t, const char *name)
{
	for (size_t p = 0; p < t->parts; p++) {
		if (strcmp(t->part[p].name, name) == 0) {
			return (int)p;
		}
	}
	return -1;
}

int io_task_label(const struct io_task *t, const char *label)
{
	for (size_t k = 0; k < t->labels; k++) {
		if (strcmp(t->label[k], label) == 0) {
			return (int)k;
		}
	}
	return -1;
}

bool io_task_missing(const struct io_task *t, const char *cell)
{
	size_t n;
	const char *s = io_cell_trim(cell, &n);

	if (n == 0) {
		return true;
	}
	for (size_t i = 0; i < t->missings; i++) {
		if (strlen(t->missing[i]) == n && strncasecmp(t->missing[i], s, n) == 0) {
			return true;
		}
	}
	return false;
}

bool io_part_is_record(const struct io_part_spec *p)
{
	return strcmp(p->modality, "table") == 0 && !p->sheet;
}

bool io_part_is_text(const struct io_part_spec *p)
{
	return strcmp(p->modality, "text") == 0;
}

bool io_part_is_file(const struct io_part_spec *p)
{
	return !io_part_is_record(p) && !io_part_is_text(p);
}

void io_part_add_column(struct io_part_spec *p, const char *name, size_t n, enum io_cell cell)
{
	p->column = as_realloc(p->column, p->columns + 1, sizeof *p->column);
	p->column[p->columns++] = (struct io_column){ as_strndup(name, n), cell };
}

static int check_part(const struct io_task *t, const struct io_part_spec *p, struct as_err *e)
{
	if (!io_name_ok(p->modality)) {
		return as_fail(e, AS_ECONFIG,
			       "[part.%s] modality = %s: want text, image, table or a name in "
			       "[a-z0-9._-]{1,40}",
			       p->name, p->modality[0] ? p->modality : "(nothing)");
	}
	if (p->columns == 0 && !p->every) {
		return as_fail(e, AS_ECONFIG, "[part.%s] has no %s", p->name,
			       io_part_is_file(p) ? "column" : "columns");
	}
	if (io_part_is_file(p) && p->columns != 1) {
		return as_fail(
		    e, AS_ECONFIG,
		    "[part.%s] columns: a part of files has one column, of paths; %zu given",
		    p->name, p->columns);
	}
	if (p->every && !io_part_is_record(p)) {
		return as_fail(e, AS_ECONFIG, "[part.%s] columns = *: only a table can take them",
			       p->name);
	}
	if (p->repeat < 1 || p->repeat > IO_PAGES_MAX) {
		return as_fail(e, AS_ECONFIG, "[part.%s] repeat = %u: want 1 to %d", p->name,
			       p->repeat, (int)IO_PAGES_MAX);
	}
	if (p->repeat > 1 && !io_part_is_file(p)) {
		return as_fail(e, AS_ECONFIG, "[part.%s] repeat = %u: only a part of files repeats",
			       p->name, p->repeat);
	}
	for (size_t i = 0; i < p->columns; i++) {
		const char *name = p->column[i].name;

		if (t->target != NULL && strcmp(name, t->target) == 0) {
			return as_fail(e, AS_ECONFIG, "[part.%s] column %s is the target", p->name,
				       name);
		}
		for (size_t j = 0; j < i; j++) {
			if (strcmp(name, p->column[j].name) == 0) {
				return as_fail(e, AS_ECONFIG, "[part.%s] column %s is named twice",
					       p->name, name);
			}
		}
	}
	return AS_OK;
}

static int check_labels(const struct io_task *t, struct as_err *e)
{
	const size_t least = t->kind == IO_CLASS ? 2 : t->kind == IO_MULTI ? 1 : 0;

	if (t->labels < least) {
		return as_fail(e, AS_ECONFIG, "labels: kind %s needs at least %zu, %zu given",
			       io_kind_name(t->kind), least, t->labels);
	}
	if (t->kind == IO_VALUE && t->labels > 0) {
		return as_fail(e, AS_ECONFIG, "labels: kind value has none");
	}
	if (t->labels > IO_LABELS_MAX) {
		return as_fail(e, AS_ECONFIG, "labels: %zu, the limit is %d", t->labels,
			       (int)IO_LABELS_MAX);
	}
	for (size_t k = 0; k < t->labels; k++) {
		if (io_task_label(t, t->label[k]) != (int)k) {
			return as_fail(e, AS_ECONFIG, "labels: %s is there twice", t->label[k]);
		}
	}
	if (t->operate != IO_YOUDEN && (t->kind != IO_CLASS || t->labels != 2)) {
		return as_fail(e, AS_ECONFIG, "operate: only a task of two labels has a threshold");
	}
	if (t->operate != IO_YOUDEN && !(t->operate_at > 0 && t->operate_at < 1)) {
		return as_fail(e, AS_ECONFIG, "operate: %.9g is not between 0 and 1",
			       t->operate_at);
	}
	return AS_OK;
}

/* Limits that the task's kind can be under, and their ranges. */
static int check_abstain(const struct io_task *t, struct as_err *e)
{
	static const struct {
		bool value, labels; /* kinds that have it */
		double most;
	} range[IO_ABSTAINS] = {
		[IO_ABSTAIN_SET] = { false, true, IO_LABELS_MAX },
		[IO_ABSTAIN_CONFLICT] = { true, true, 1 },
		[IO_ABSTAIN_MARGIN] = { false, true, 1 },
		[IO_ABSTAIN_INTERVAL] = { true, false, 1e300 },
	};

	for (size_t i = 0; i < IO_ABSTAINS; i++) {
		const char *name = io_abstain_name((enum io_abstain)i);
		const double v = t->abstain[i];

		if (!(v >= 0 && v <= range[i].most)) {
			return as_fail(e, AS_ECONFIG, "abstain = %s %.9g: want above 0, at most %g",
				       name, v, range[i].most);
		}
		if (v > 0 && !(t->kind == IO_VALUE ? range[i].value : range[i].labels)) {
			return as_fail(e, AS_ECONFIG, "abstain = %s: kind %s has none", name,
				       io_kind_name(t->kind));
		}
	}
	if (t->abstain[IO_ABSTAIN_SET] > 0 &&
	    t->abstain[IO_ABSTAIN_SET] != (uint32_t)t->abstain[IO_ABSTAIN_SET]) {
		return as_fail(e, AS_ECONFIG, "abstain = set %.9g: want a whole number of labels",
			       t->abstain[IO_ABSTAIN_SET]);
	}
	if (!(t->coverage > 0 && t->coverage < 1)) {
		return as_fail(e, AS_ECONFIG, "coverage = %.9g: want between 0 and 1", t->coverage);
	}
	return AS_OK;
}

int io_task_check(const struct io_task *t, struct as_err *e)
{
	size_t every = 0;
	int rc;

	if (!io_name_ok(t->name)) {
		return as_fail(e, AS_ECONFIG, "[task] name = %s: want [a-z0-9._-]{1,40}",
			       t->name[0] ? t->name : "(nothing)");
	}
	if (t->target == NULL) {
		return as_fail(e, AS_ECONFIG, "[task] has no target");
	}
	if (t->parts == 0) {
		return as_fail(e, AS_ECONFIG, "no part: at least one [part.NAME] is needed");
	}
	TRY(check_labels(t, e));
	TRY(check_abstain(t, e));
	for (size_t p = 0; p < t->parts; p++) {
		TRY(check_part(t, &t->part[p], e));
		every += t->part[p].every;
	}
	if (every > 1) {
		return as_fail(e, AS_ECONFIG, "columns = * in %zu parts: one can take the rest",
			       every);
	}
	if (t->hyper.width % t->hyper.heads != 0) {
		return as_fail(e, AS_ECONFIG, "heads = %u does not divide width = %u",
			       t->hyper.heads, t->hyper.width);
	}
	if (t->hyper.image_channels % NN_GROUPS != 0) {
		return as_fail(e, AS_ECONFIG, "image_channels = %u is not a multiple of %d",
			       t->hyper.image_channels, NN_GROUPS);
	}
	if (t->hyper.image_size % IO_STRIDE != 0) {
		return as_fail(e, AS_ECONFIG, "image_size = %u is not a multiple of %d",
			       t->hyper.image_size, IO_STRIDE);
	}
out:
	return rc;
}
