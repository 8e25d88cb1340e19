/* SPDX-License-Identifier: Apache-2.0
 * data.c - reads a case table: rows in order, their files and pages in parallel. */
#include "train/data.h"

#include "encoders/table/stats.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One reading. Threads write only to the row in hand, but for the frozen encoder. */
struct reading {
	struct tr_data *d;
	const struct tr_data_how *how;
	const struct io_table *table;
	const struct io_binding *b;
	const uint32_t
	    *part; /* [parts of the file's task] place in the task without left-out parts */
	const struct io_task *bound; /* the task with all parts, as the binding has it */
	struct tr_case *v;           /* [rows] */
	enum { READ_TAKEN, READ_TARGETLESS, READ_ELSEWHERE, READ_BAD } * state; /* [rows] */
	char **message;                                                         /* [rows] */
	pthread_mutex_t frozen; /* a frozen part's encoder is one for all threads */
};

struct assay_item tr_item(const struct tr_data *d, const struct tr_page *p)
{
	return (struct assay_item){ .data = p->raw.data ? p->raw.data : "",
				    .size = p->raw.len,
				    .type = p->type,
				    .part = d->task->part[p->part].name,
				    .page = p->page };
}

static void case_free(const struct tr_data *d, struct tr_case *c)
{
	for (size_t i = 0; i < c->pages; i++) {
		struct tr_page *p = &c->page[i];
		const int k = d->enc.of[p->part];

		if (k != TR_FROZEN) {
			d->enc.kind[k]->input_free(&p->in);
		}
		tr_rows_free(&p->frozen);
		as_buf_free(&p->raw);
	}
	free(c->page);
	free(c->label);
	free(c->id);
	free(c->group);
	free(c->split);
	*c = (struct tr_case){ 0 };
}

static int read_page(struct reading *r, struct tr_case *c, struct tr_page *p, struct as_err *e)
{
	struct tr_data *d = r->d;
	const struct assay_item item = tr_item(d, p);
	const int k = d->enc.of[p->part];
	int rc;

	if (k == TR_FROZEN) {
		const char *limit;

		(void)pthread_mutex_lock(&r->frozen);
		rc = tr_frozen_encode(&d->frozen, d->task, c->id, &item, p->part, &p->frozen,
				      &limit, e);
		(void)pthread_mutex_unlock(&r->frozen);
	} else {
		rc = d->enc.kind[k]->prepare(d->enc.enc[k], &item, &p->in, e);
	}
	if (rc != AS_OK) {
		return rc;
	}
	/* What learns from training cells reads the page again; words of text are counted by a
	 * baseline. Pictures are large and done with. */
	if (k == TR_FROZEN || strcmp(d->enc.kind[k]->modality, "image") == 0) {
		as_buf_free(&p->raw);
	} else if (tr_kind_learns(d->enc.kind[k])) {
		d->enc.kind[k]->input_free(&p->in);
		p->in = (struct enc_input){ 0 };
	}
	return AS_OK;
}

static int read_pages(struct reading *r, struct io_case *from, struct tr_case *c, struct as_err *e)
{
	c->page = as_calloc(from->parts + 1, sizeof *c->page);
	for (size_t i = 0; i < from->parts; i++) {
		struct io_part *part = &from->part[i];
		struct tr_page *p = &c->page[c->pages++];

		*p = (struct tr_page){ .part = r->part[part->spec],
				       .page = part->page,
				       .type = part->type,
				       .raw = part->data };
		part->data = (struct as_buf){ 0 };
		c->parts |= 1U << p->part;
		if (read_page(r, c, p, e) != AS_OK) {
			return as_wrap(e, "%s:%zu: case %s, part %s%s%s", r->table->path, c->line,
				       c->id, r->d->task->part[p->part].name,
				       part->path ? ", file " : "", part->path ? part->path : "");
		}
	}
	return AS_OK;
}

static int read_target(const struct reading *r, const struct io_case *from, struct tr_case *c,
		       struct as_err *e)
{
	const struct io_task *t = r->d->task;

	c->label = as_calloc(t->labels + 1, sizeof *c->label);
	c->targeted = true;
	if (io_case_target(t, from, c->label, &c->value, e) != AS_OK) {
		return as_wrap(e, "%s", r->table->path);
	}
	return AS_OK;
}

static int read_case(struct reading *r, size_t i, struct io_case *from, struct as_err *e)
{
	const struct io_row row = io_table_row(r->table, i);
	struct tr_case *c = &r->v[i];
	int rc;

	/* The row alone first: what is left out needs no files. */
	const struct io_binding bare = {
		r->b->id, r->b->target, r->b->group, r->b->split, { NULL }
	};

	TRY(io_case_make(r->bound, &bare, &row, r->table->path, from, e));
	if (r->how->split != NULL && (r->b->split >= 0 || !r->how->unlabelled) &&
	    (from->split == NULL || strcmp(from->split, r->how->split) != 0)) {
		r->state[i] = READ_ELSEWHERE;
		return AS_OK;
	}
	if (from->target == NULL && !r->how->unlabelled) {
		r->state[i] = READ_TARGETLESS;
		return AS_OK;
	}
	io_case_free(from);
	TRY(io_case_make(r->bound, r->b, &row, r->table->path, from, e));
	*c = (struct tr_case){ .id = as_strdup(from->id),
			       .group = as_strdup(from->group),
			       .split = from->split ? as_strdup(from->split) : NULL,
			       .line = from->line };
	TRY(r->how->unlabelled ? AS_OK : read_target(r, from, c, e));
	TRY(read_pages(r, from, c, e));
out:
	return rc;
}

static void read_row(void *ctx, size_t i, size_t thread)
{
	struct reading *r = ctx;
	struct io_case from = { 0 };
	struct as_err e;

	(void)thread;
	if (read_case(r, i, &from, &e) != AS_OK) {
		r->state[i] = READ_BAD;
		r->message[i] = as_strdup(e.msg);
	}
	io_case_free(&from);
}

/* Cases in the order of the table; counts the others. */
static void collect(struct reading *r)
{
	struct tr_data *d = r->d;

	d->rows = r->table->rows;
	d->v = as_calloc(d->rows + 1, sizeof *d->v);
	for (size_t i = 0; i < d->rows; i++) {
		struct tr_case *c = &r->v[i];

		if (r->state[i] != READ_TAKEN) {
			d->targetless += r->state[i] == READ_TARGETLESS;
			d->elsewhere += r->state[i] == READ_ELSEWHERE;
			if (r->state[i] == READ_BAD && d->bad++ < TR_BAD_NAMED) {
				d->bad_named[d->bad - 1] = r->message[i];
				r->message[i] = NULL;
			}
			case_free(d, c);
			continue;
		}
		for (size_t p = 0; p < c->pages; p++) {
			d->replaced += c->page[p].in.replaced;
		}
		c->path = d->path;
		c->first = d->pages;
		d->pages += c->pages;
		d->v[d->n++] = *c;
	}
}

/* Takes parts out of the task; the new place of each is in place. */
static void drop_parts(struct io_task *t, const bool without[IO_PARTS_MAX],
		       uint32_t place[IO_PARTS_MAX])
{
	size_t kept = 0;

	for (size_t m = 0; m < t->parts; m++) {
		struct io_part_spec *p = &t->part[m];

		place[m] = (uint32_t)kept;
		if (!without[m]) {
			const struct io_part_spec part = *p;

			*p = (struct io_part_spec){ 0 };
			t->part[kept++] = part;
			continue;
		}
		for (size_t i = 0; i < p->columns; i++) {
			free(p->column[i].name);
		}
		free(p->column);
		*p = (struct io_part_spec){ 0 };
	}
	t->parts = kept;
}

static int read_rows(struct reading *r, struct tr_pool *pool, struct as_err *e)
{
	struct tr_data *d = r->d;
	const size_t rows = r->table->rows;
	int rc;

	r->v = as_calloc(rows + 1, sizeof *r->v);
	r->state = as_calloc(rows + 1, sizeof *r->state);
	r->message = as_calloc(rows + 1, sizeof *r->message);
	rc = pthread_mutex_init(&r->frozen, NULL);
	if (rc != 0) {
		return as_fail(e, AS_ENOMEM, "cannot make a lock: %s", strerror(rc));
	}
	tr_pool_run(pool, rows, read_row, r);
	collect(r);
	(void)pthread_mutex_destroy(&r->frozen);
	if (d->bad > 0 && !r->how->skip_bad) {
		return as_fail(e, AS_EFORMAT,
			       "%s: %zu of %zu cases cannot be used (--skip-bad leaves them out)",
			       d->path, d->bad, d->rows);
	}
	return AS_OK;
}

static void reading_free(struct reading *r)
{
	for (size_t i = 0; r->message != NULL && i < r->table->rows; i++) {
		free(r->message[i]);
	}
	free(r->message);
	free(r->state);
	free(r->v);
}

/* A frozen part that no case has tells no width. */
static int check_frozen(const struct tr_data *d, struct as_err *e)
{
	for (size_t m = 0; m < d->task->parts; m++) {
		if (d->frozen.part[m] && d->frozen.source[m].dim == 0) {
			return as_fail(e, AS_EFORMAT, "%s: part %s: no case has features", d->path,
				       d->task->part[m].name);
		}
	}
	return AS_OK;
}

/* Whether the header lacks a column of the part. */
static bool lacks(const struct io_part_spec *p, const struct io_row *header)
{
	for (size_t i = 0; i < p->columns; i++) {
		size_t k = 0;

		while (k < header->n && strcmp(header->cell[k], p->column[i].name) != 0) {
			k++;
		}
		if (k == header->n) {
			return true;
		}
	}
	return false;
}

int tr_data_load(struct tr_data *d, struct io_task *task, const struct tr_data_how *how,
		 struct tr_pool *pool, struct as_err *e)
{
	uint32_t place[IO_PARTS_MAX];
	bool without[IO_PARTS_MAX] = { false };
	struct io_task bound = { 0 };
	struct io_binding b = { .id = -1 };
	struct io_table table = { 0 };
	struct reading r = {
		.d = d, .how = how, .table = &table, .b = &b, .part = place, .bound = &bound
	};
	struct io_row header;
	int rc;

	*d = (struct tr_data){ .task = task, .path = as_strdup(how->path) };
	TRY(io_table_load(&table, how->path, task->delimiter, e));
	d->replaced = table.replaced;
	if (strcmp(how->path, "-") != 0) {
		TRY(io_digest_file(how->path, d->digest, e));
	}
	header = io_table_header(&table);
	for (size_t m = 0; m < task->parts; m++) {
		d->absent[m] = how->unlabelled && lacks(&task->part[m], &header);
		without[m] = how->without[m] || d->absent[m];
	}
	TRY(io_task_bind(task, &header, how->path, without, !how->unlabelled, &b, e));
	bound = *task; /* its parts keep the places that the binding has */
	for (size_t m = 0; m < task->parts; m++) {
		if (without[m]) {
			bound.part[m].columns = 0;
		}
	}
	drop_parts(task, how->keep ? (const bool[IO_PARTS_MAX]){ false } : how->without, place);
	if (task->parts == 0) {
		rc = as_fail(e, AS_EUSAGE, "--without: no part is left");
		goto out;
	}
	TRY(tr_frozen_open(&d->frozen, task, &how->origin, how->sources, e));
	TRY(tr_encoders_open(&d->enc, &d->ps, task, d->frozen.part, NULL, e));
	TRY(read_rows(&r, pool, e));
	TRY(check_frozen(d, e));
out:
	reading_free(&r);
	io_binding_free(&b);
	io_table_free(&table);
	return rc;
}

void tr_data_free(struct tr_data *d)
{
	for (size_t i = 0; i < d->n; i++) {
		case_free(d, &d->v[i]);
	}
	for (size_t i = 0; i < TR_BAD_NAMED; i++) {
		free(d->bad_named[i]);
	}
	free(d->v);
	free(d->path);
	tr_encoders_close(&d->enc);
	nn_params_free(&d->ps);
	tr_frozen_close(&d->frozen);
	*d = (struct tr_data){ 0 };
}

void tr_data_view(struct tr_data *view, const struct tr_some *of, size_t tables)
{
	const struct tr_data *first = of[0].d;
	size_t n = 0;

	for (size_t t = 0; t < tables; t++) {
		n += of[t].only != NULL ? of[t].n : of[t].d->n;
	}
	*view = (struct tr_data){ .task = first->task,
				  .path = first->path,
				  .v = as_calloc(n + 1, sizeof *view->v),
				  .enc = first->enc,
				  .frozen = first->frozen };
	for (size_t t = 0; t < tables; t++) {
		const size_t count = of[t].only != NULL ? of[t].n : of[t].d->n;

		for (size_t i = 0; i < count; i++) {
			struct tr_case *c = &view->v[view->n++];

			*c = of[t].d->v[of[t].only != NULL ? of[t].only[i] : i];
			c->first = view->pages;
			view->pages += c->pages;
		}
	}
}

void tr_data_view_free(struct tr_data *view)
{
	free(view->v);
	*view = (struct tr_data){ 0 };
}

int tr_inputs_init(struct tr_inputs *x, const struct tr_data *d, const struct tr_encoders *enc,
		   struct as_err *e)
{
	*x = (struct tr_inputs){ .of = as_calloc(d->pages + 1, sizeof(void *)),
				 .own = as_calloc(d->pages + 1, sizeof *x->own),
				 .enc = enc,
				 .data = d };
	for (size_t i = 0; i < d->n; i++) {
		const struct tr_case *c = &d->v[i];

		for (size_t j = 0; j < c->pages; j++) {
			const struct tr_page *p = &c->page[j];
			const int k = enc->of[p->part];
			const struct assay_item item = tr_item(d, p);

			if (k == TR_FROZEN) {
				continue;
			}
			x->of[c->first + j] = &p->in;
			if (!tr_kind_learns(enc->kind[k])) {
				continue;
			}
			x->of[c->first + j] = &x->own[c->first + j];
			if (enc->kind[k]->prepare(enc->enc[k], &item, &x->own[c->first + j], e) !=
			    AS_OK) {
				return as_wrap(e, "%s:%zu: case %s, part %s", d->path, c->line,
					       c->id, item.part);
			}
		}
	}
	return AS_OK;
}

void tr_inputs_free(struct tr_inputs *x)
{
	for (size_t i = 0; x->data != NULL && i < x->data->n; i++) {
		const struct tr_case *c = &x->data->v[i];

		for (size_t j = 0; j < c->pages; j++) {
			const int k = x->enc->of[c->page[j].part];

			if (k != TR_FROZEN && tr_kind_learns(x->enc->kind[k])) {
				x->enc->kind[k]->input_free(&x->own[c->first + j]);
			}
		}
	}
	free(x->of);
	free(x->own);
	*x = (struct tr_inputs){ 0 };
}

/* The pages of a case that encoder k reads, into of; how many. */
static size_t pages_of(const struct tr_inputs *x, const struct tr_case *c, size_t k,
		       const struct enc_input **of)
{
	size_t n = 0;

	for (size_t j = 0; j < c->pages; j++) {
		if (x->enc->of[c->page[j].part] == (int)k) {
			of[n++] = x->of[c->first + j];
		}
	}
	return n;
}

void tr_inputs_settle(const struct tr_inputs *x, const size_t *cases, size_t n, float *p)
{
	const struct enc_input **of = as_malloc((x->data->pages + 1) * sizeof *of);

	for (size_t k = 0; k < x->enc->n; k++) {
		size_t pages = 0;

		for (size_t i = 0; i < n; i++) {
			pages += pages_of(x, &x->data->v[cases[i]], k, of + pages);
		}
		if (x->enc->kind[k]->settle != NULL && pages > 0) {
			x->enc->kind[k]->settle(x->enc->enc[k], of, pages, p);
		}
	}
	free(of);
}

/* The cells of one case. */
static int add_statistics(struct enc_table_stats *stats, const struct tr_data *d,
			  const struct tr_case *c, struct as_err *e)
{
	int rc = AS_OK;

	for (size_t j = 0; rc == AS_OK && j < c->pages; j++) {
		const int k = d->enc.of[c->page[j].part];
		const struct assay_item item = tr_item(d, &c->page[j]);

		if (k != TR_FROZEN && tr_kind_learns(d->enc.kind[k])) {
			rc = enc_table_stats_add(stats, &item, e);
		}
	}
	return rc;
}

int tr_statistics(const struct tr_data *d, const size_t *cases, size_t n, struct as_buf *out,
		  struct as_err *e)
{
	struct enc_table_stats stats;
	struct io_jw w = { .b = out };
	int rc = AS_OK;

	enc_table_stats_init(&stats, d->task);
	for (size_t i = 0; i < n; i++) {
		TRY(add_statistics(&stats, d, &d->v[cases[i]], e));
	}
	enc_table_stats_finish(&stats);
	io_jw_obj(&w, NULL);
	enc_table_stats_write(&stats, &w, "table");
	io_jw_end_obj(&w);
out:
	enc_table_stats_free(&stats);
	return rc;
}
