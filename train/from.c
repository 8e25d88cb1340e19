/* SPDX-License-Identifier: Apache-2.0 */
#include "train/from.h"

#include "encoders/table/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMED = 6 }; /* weights left behind that are named */

/* One tensor of the other model, F32 or int8 with its scales. */
struct source {
	const struct io_tensor *t, *scale;
	size_t rows, cols;
};

/* What became of the net's weights of one kind: "text", "fusion". */
struct tally {
	char prefix[NN_NAME_SIZE];
	size_t n, taken;
};

struct copy {
	const struct tr_from *from;
	struct tr_net *net;
	bool labels, parts;                  /* are the same */
	struct enc_table_stats theirs, mine; /* columns of tables */
	struct tally tally[TR_KINDS + 2];
	size_t tallies;
	struct as_buf left; /* names and reasons */
	size_t lefts;
};

static int check_encoders(const struct tr_from *f, struct as_err *e)
{
	struct json_t *doc = NULL;
	int rc;

	TRY(io_model_meta(&f->file, "encoders", &doc, e));
	for (size_t m = 0; m < f->task.parts; m++) {
		const struct json_t *of = io_json_find(doc, f->task.part[m].name);
		const struct enc_kind *kind = tr_kind_of(f->task.part[m].modality);
		const char *version = io_json_find_str(of, "version", "?");

		if (kind != NULL && !io_json_find_bool(of, "frozen", false) &&
		    strcmp(version, kind->version) != 0) {
			rc = as_fail(e, AS_EFORMAT,
				     "%s: part %s: trained with version %.40s of its encoder, this "
				     "is %s",
				     f->file.path, f->task.part[m].name, version, kind->version);
			goto out;
		}
	}
out:
	io_json_free(doc);
	return rc;
}

static int read_file(struct tr_from *f, struct as_err *e)
{
	const char *format = io_json_find_str(f->file.meta, "format", "");
	struct json_t *doc = NULL;
	int rc;

	if (strcmp(format, "assay-model-1") != 0 && strcmp(format, "assay-base-1") != 0) {
		return as_fail(e, AS_EFORMAT,
			       "%s: format \"%.40s\": want assay-model-1 or assay-base-1",
			       f->file.path, format);
	}
	TRY(io_model_meta(&f->file, "task", &doc, e));
	TRY(io_task_parse(&f->task, doc, e));
	TRY(io_model_meta(&f->file, "statistics", &f->statistics, e));
	TRY(check_encoders(f, e));
out:
	io_json_free(doc);
	return rc;
}

int tr_from_open(struct tr_from *f, const char *path, struct as_err *e)
{
	int rc;

	*f = (struct tr_from){ 0 };
	TRY(io_model_open(&f->file, path, e));
	TRY(read_file(f, e));
out:
	return rc;
}

int tr_from_read(struct tr_from *f, const void *data, size_t n, const char *what, struct as_err *e)
{
	int rc;

	*f = (struct tr_from){ 0 };
	TRY(io_model_open_mem(&f->file, data, n, what, e));
	TRY(read_file(f, e));
out:
	return rc;
}

void tr_from_close(struct tr_from *f)
{
	io_json_free(f->statistics);
	io_task_free(&f->task);
	io_model_close(&f->file);
	*f = (struct tr_from){ 0 };
}

/* False where there is no such matrix of numbers. */
static bool find(const struct copy *c, const char *name, struct source *s)
{
	const struct io_model *m = &c->from->file;
	char scale[NN_NAME_SIZE + 8];

	*s = (struct source){ .t = io_model_find(m, name) };
	if (s->t == NULL || s->t->dims != 2) {
		return false;
	}
	s->rows = s->t->shape[0];
	s->cols = s->t->shape[1];
	if (strcmp(s->t->dtype, "I8") == 0) {
		(void)snprintf(scale, sizeof scale, "%s.scale", name);
		s->scale = io_model_find(m, scale);
		return s->scale != NULL && strcmp(s->scale->dtype, "F32") == 0 &&
		       s->scale->size == s->rows * sizeof(float);
	}
	return strcmp(s->t->dtype, "F32") == 0;
}

static void copy_row(const struct source *s, size_t row, float *to)
{
	const char *from = (const char *)s->t->data;
	float scale;

	if (s->scale == NULL) {
		memcpy(to, from + row * s->cols * sizeof *to, s->cols * sizeof *to);
		return;
	}
	memcpy(&scale, (const char *)s->scale->data + row * sizeof scale, sizeof scale);
	for (size_t k = 0; k < s->cols; k++) {
		to[k] = scale * (float)((const int8_t *)s->t->data)[row * s->cols + k];
	}
}

static bool starts(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

bool tr_from_judges(const char *name)
{
	return starts(name, "fusion.head.") || strcmp(name, "fusion.base") == 0 ||
	       strstr(name, ".late.") != NULL;
}

/* NULL: the weight is taken as it is. */
static const char *why_not(const struct copy *c, const struct nn_param *p, struct source *s)
{
	if (strcmp(p->name, "fusion.scale") == 0) {
		return "fitted anew";
	}
	if (!find(c, p->name, s)) {
		return "not there";
	}
	if (tr_from_judges(p->name) && !c->labels) {
		return "other labels";
	}
	if (starts(p->name, "fusion.weigh.") && !c->parts) {
		return "other parts";
	}
	return s->rows != p->rows || s->cols != p->cols ? "another shape" : NULL;
}

static void leave(struct copy *c, const char *name, const char *why)
{
	if (c->lefts++ < NAMED) {
		as_buf_printf(&c->left, "%s%s (%s)", c->left.len > 0 ? ", " : "", name, why);
	}
}

static struct tally *tally_of(struct copy *c, const char *name)
{
	const size_t n = strcspn(name, ".");
	size_t i = 0;

	while (i < c->tallies &&
	       (strlen(c->tally[i].prefix) != n || strncmp(c->tally[i].prefix, name, n) != 0)) {
		i++;
	}
	if (i == c->tallies) {
		c->tallies++;
		(void)snprintf(c->tally[i].prefix, sizeof c->tally[i].prefix, "%.*s", (int)n, name);
	}
	return &c->tally[i];
}

/* The other model's number of column k of a part of the net; false where none agrees. */
static bool column_of(const struct copy *c, size_t part, const struct enc_column *col, size_t *out)
{
	const int at = io_task_part(&c->from->task, c->net->task->part[part].name);
	const struct enc_column *of =
	    at < 0 ? NULL : enc_table_stats_find(&c->theirs, (size_t)at, col->name);

	if (of == NULL || of->cell != col->cell) {
		return false;
	}
	*out = enc_table_stats_number(&c->theirs, (size_t)at, of);
	return true;
}

/* Rows [from .. from + n) of the source into rows [to ..) of weight p. */
static void copy_rows(const struct copy *c, const struct nn_param *p, const struct source *s,
		      size_t from, size_t to, size_t n)
{
	for (size_t r = 0; r < n; r++) {
		copy_row(s, from + r, c->net->ps.v + p->at + (to + r) * p->cols);
	}
}

/* A weight that has rows of its own for each column, `each` of them, and `shared` behind those of
 * all columns; twice: first all names, then all "missing". */
static void copy_columns(struct copy *c, const struct nn_param *p, size_t each, bool twice)
{
	const size_t mine = enc_table_stats_columns(&c->mine);
	const size_t theirs = enc_table_stats_columns(&c->theirs);
	const size_t lists = twice ? 2 : 1;
	const size_t shared = p->rows - lists * mine * each;
	struct tally *t = tally_of(c, p->name);
	struct source s;

	t->n += mine + 1;
	if (!find(c, p->name, &s) || s.cols != p->cols ||
	    s.rows != lists * theirs * each + shared) {
		leave(c, p->name, "another shape");
		return;
	}
	copy_rows(c, p, &s, lists * theirs * each, lists * mine * each, shared);
	t->taken++;
	for (size_t part = 0; part < c->net->task->parts; part++) {
		for (size_t k = 0; k < c->mine.part[part].n; k++) {
			const struct enc_column *col = c->mine.part[part].column[k];
			const size_t to = enc_table_stats_number(&c->mine, part, col);
			size_t from;

			if (!column_of(c, part, col, &from)) {
				leave(c, col->name, "no such column");
				continue;
			}
			t->taken++;
			for (size_t l = 0; l < lists; l++) {
				copy_rows(c, p, &s, (l * theirs + from) * each,
					  (l * mine + to) * each, each);
			}
		}
	}
}

static void copy_weight(struct copy *c, const struct nn_param *p)
{
	struct tally *t = tally_of(c, p->name);
	struct source s;
	const char *why;

	if (strcmp(p->name, "table.names.e") == 0) {
		copy_columns(c, p, 1, true);
		return;
	}
	if (strcmp(p->name, "table.numbers.w") == 0) {
		copy_columns(c, p, c->net->task->hyper.table_bins, false);
		return;
	}
	t->n++;
	why = why_not(c, p, &s);
	if (why != NULL) {
		leave(c, p->name, why);
		return;
	}
	t->taken++;
	copy_rows(c, p, &s, 0, 0, p->rows);
}

static bool same_list(char *const *a, size_t n, char *const *b, size_t m)
{
	for (size_t i = 0; n == m && i < n; i++) {
		if (strcmp(a[i], b[i]) != 0) {
			return false;
		}
	}
	return n == m;
}

static bool same_parts(const struct io_task *a, const struct io_task *b)
{
	for (size_t m = 0; a->parts == b->parts && m < a->parts; m++) {
		if (strcmp(a->part[m].name, b->part[m].name) != 0) {
			return false;
		}
	}
	return a->parts == b->parts;
}

static void note(const struct copy *c, const struct tr_watch *watch)
{
	struct as_buf text = { 0 };

	as_buf_printf(&text, "from %s:", c->from->file.path);
	for (size_t i = 0; i < c->tallies; i++) {
		as_buf_printf(&text, "%s %s %zu of %zu", i > 0 ? "," : "", c->tally[i].prefix,
			      c->tally[i].taken, c->tally[i].n);
	}
	if (c->lefts > 0) {
		as_buf_printf(&text, "; starts anew: %s", c->left.data);
	}
	if (c->lefts > NAMED) {
		as_buf_printf(&text, " and %zu more", c->lefts - NAMED);
	}
	watch->note(watch->ctx, text.data);
	as_buf_free(&text);
}

static int check_sizes(const struct tr_from *f, const struct tr_net *net, struct as_err *e)
{
	const struct io_hyper *theirs = &f->task.hyper;
	const struct io_hyper *mine = &net->task->hyper;

	if (theirs->width != mine->width || theirs->heads != mine->heads) {
		return as_fail(
		    e, AS_EUSAGE, "%s: width = %u, heads = %u; the task has width = %u, heads = %u",
		    f->file.path, theirs->width, theirs->heads, mine->width, mine->heads);
	}
	return AS_OK;
}

int tr_from_copy(const struct tr_from *f, struct tr_net *net, const struct json_t *statistics,
		 const struct tr_watch *watch, struct as_err *e)
{
	const struct io_task *t = net->task;
	struct copy c = { .from = f,
			  .net = net,
			  .labels = strcmp(io_json_find_str(f->file.meta, "format", ""),
					   "assay-base-1") != 0 &&
				    f->task.kind == t->kind &&
				    strcmp(f->task.target, t->target) == 0 &&
				    same_list(f->task.label, f->task.labels, t->label, t->labels),
			  .parts = same_parts(&f->task, t) };
	size_t taken = 0;
	int rc;

	TRY(check_sizes(f, net, e));
	TRY(enc_table_stats_parse(&c.theirs, &f->task, f->statistics, e));
	TRY(enc_table_stats_parse(&c.mine, t, statistics, e));
	for (size_t i = 0; i < net->ps.n; i++) {
		copy_weight(&c, &net->ps.p[i]);
	}
	for (size_t i = 0; i < c.tallies; i++) {
		taken += c.tally[i].taken;
		for (size_t k = 0; k < net->enc.n; k++) {
			if (strcmp(net->enc.kind[k]->modality, c.tally[i].prefix) == 0) {
				net->given[k] = c.tally[i].taken == c.tally[i].n;
			}
		}
	}
	if (taken == 0) {
		rc = as_fail(e, AS_EUSAGE, "%s: none of its weights fits the task", f->file.path);
		goto out;
	}
	note(&c, watch);
out:
	enc_table_stats_free(&c.theirs);
	enc_table_stats_free(&c.mine);
	as_buf_free(&c.left);
	return rc;
}
