/* SPDX-License-Identifier: Apache-2.0 */
#include "train/pretrain.h"

#include "core/tensor/gemm.h"
#include "tests/train/batch.h"

#include <math.h>

static void note(void *ctx, const char *text)
{
	struct as_buf *b = ctx;

	as_buf_puts(b, text);
}

static bool never(void *ctx)
{
	(void)ctx;
	return false;
}

static void tell_nobody(void *ctx, const struct tr_epoch *ep)
{
	(void)ctx;
	(void)ep;
}

/* The small task's cases without reading their labels. */
static void load(struct fix *f, size_t n, size_t threads)
{
	struct as_buf csv = { 0 };
	struct as_err e = { 0 };

	fix_csv(&csv, n);
	fix_open(f, fix_ini, csv.data, threads);
	as_buf_free(&csv);
	f->how.unlabelled = f->how.keep = true;
	ok(tr_data_load(&f->d, &f->task, &f->how, f->pool, &e));
}

static void open_batch(struct batch *b, size_t threads)
{
	*b = (struct batch){ 0 };
	load(&b->f, BATCH_N, threads);
	batch_open(b, &(struct tr_plan){ .epochs = 5, .sd = 1, .seed = 1, .guess = true });
}

/* What is hidden, and how the parts of a case match, through encoders and fusion. */
Test(train_pretrain, the_gradient_of_a_batch_is_that_of_its_loss, .init = tn_init)
{
	static struct batch b;
	float *g;
	double worst;

	open_batch(&b, 1);
	batch_move(&b, 0.1F);
	g = batch_gradient(&b);
	worst = gradcheck(batch_loss, &b, b.net.ps.v, g, b.net.ps.size, 29, 1e-2F);
	cr_assert(lt(dbl, worst, 2e-3), "%g", worst);
	for (size_t i = 0; i < b.net.ps.n; i++) { /* weights that a base keeps have all learned */
		const struct nn_param *p = &b.net.ps.p[i];
		float most = 0;

		for (size_t k = 0; k < p->rows * p->cols; k++) {
			most = fmaxf(most, fabsf(g[p->at + k]));
		}
		cr_assert(most > 0 || strncmp(p->name, "fusion.", 7) == 0, "%s", p->name);
		cr_assert(most > 0 || strstr(p->name, ".project.") == NULL, "%s", p->name);
	}
	free(g);
	batch_close(&b);
}

Test(train_pretrain, asking_gives_no_gradient_and_the_same_answer_again, .init = tn_init)
{
	static struct batch b;
	double first;

	open_batch(&b, 2);
	first = tr_step_guesses(&b.step, b.cases, BATCH_N);
	cr_assert(lt(dbl, 0.5, first), "%g", first);
	cr_assert(eq(dbl, first, tr_step_guesses(&b.step, b.cases, BATCH_N)));
	for (size_t i = 0; i < b.net.ps.size; i++) {
		cr_assert(zero(flt, b.step.g[0][i]));
	}
	batch_close(&b);
}

static void make_base(struct fix *f, struct tr_pretrained *b, size_t epochs, struct tr_watch *w)
{
	const struct tr_some some = { &f->d, NULL, 0 };
	const struct tr_pretrain_how how = {
		.seed = 1, .epochs = epochs, .pool = f->pool, .watch = w
	};
	struct as_err e = { 0 };

	ok(tr_pretrain(b, &some, 1, &how, &e));
}

Test(train_pretrain, the_loss_on_held_out_cases_falls_and_the_same_seed_gives_the_same_bytes,
     .init = tn_init)
{
	struct fix f;
	struct tr_pretrained b[2];

	load(&f, 80, 2);
	for (size_t i = 0; i < 2; i++) {
		make_base(&f, &b[i], 12, &f.watch);
	}
	cr_assert(eq(sz, b[0].train + b[0].stop, 80));
	cr_assert(lt(dbl, b[0].outcome.curve[b[0].outcome.best - 1].stop_loss,
		     0.9 * b[0].outcome.curve[0].stop_loss),
		  "%g, %g", b[0].outcome.curve[0].stop_loss,
		  b[0].outcome.curve[b[0].outcome.best - 1].stop_loss);
	cr_assert(eq(sz, b[0].file.len, b[1].file.len));
	cr_assert(zero(int, memcmp(b[0].file.data, b[1].file.data, b[0].file.len)));
	tr_pretrained_free(&b[0]);
	tr_pretrained_free(&b[1]);
	fix_close(&f);
}

/* A second table of the task has texts and no record; its rows count among the cases. */
Test(train_pretrain, tables_without_some_parts_are_mixed, .init = tn_init)
{
	struct fix f;
	struct tr_data more;
	struct tr_pretrained b;
	struct as_err e = { 0 };
	struct tr_some some[2] = { { &f.d, NULL, 0 }, { &more, NULL, 0 } };
	const size_t only[] = { 1, 3 };

	load(&f, 40, 1);
	f.how.path = tmpdir_file("more.csv", "case,t\nx,a dark mass\ny,a clear field\nz,dark\n");
	ok(tr_data_load(&more, &f.task, &f.how, f.pool, &e));
	cr_assert(more.absent[0]);
	cr_assert(zero(int, more.absent[1]));
	cr_assert(eq(u32, more.v[0].parts, 2));
	some[0].only = only;
	some[0].n = 2;
	ok(tr_pretrain(
	    &b, some, 2,
	    &(struct tr_pretrain_how){ .seed = 1, .epochs = 2, .pool = f.pool, .watch = &f.watch },
	    &e));
	cr_assert(eq(sz, b.train + b.stop, 5));
	tr_pretrained_free(&b);
	tr_data_free(&more);
	fix_close(&f);
}

/* A net of the labelled small task, changed by ini, started from a base of it. */
struct start {
	struct fix f;
	struct tr_pretrained base;
	struct tr_from from;
	struct as_buf said, statistics;
	struct json_t *doc;
	struct tr_net net;
	struct tr_watch watch;
};

static int start_from(struct start *s, const char *ini, struct as_err *why)
{
	struct as_buf csv = { 0 };
	struct as_err e = { 0 };
	size_t cases[60];
	int rc;

	*s = (struct start){ .watch = { NULL, fix_begin, tell_nobody, never, note } };
	load(&s->f, 60, 1);
	make_base(&s->f, &s->base, 1, &s->watch);
	ok(tr_from_read(&s->from, s->base.file.data, s->base.file.len, "base", &e));
	fix_close(&s->f);
	fix_csv(&csv, 60);
	fix_open(&s->f, ini, csv.data, 1);
	as_buf_free(&csv);
	ok(tr_data_load(&s->f.d, &s->f.task, &s->f.how, s->f.pool, &e));
	for (size_t i = 0; i < 60; i++) {
		cases[i] = i;
	}
	ok(tr_statistics(&s->f.d, cases, 60, &s->statistics, &e));
	ok(io_json_parse(s->statistics.data, s->statistics.len, "statistics", &s->doc, &e));
	ok(tr_net_open(&s->net, &s->f.task, s->f.d.frozen.source, s->doc, 3, &e));
	s->watch.ctx = &s->said;
	rc = tr_from_copy(&s->from, &s->net, s->doc, &s->watch, why);
	return rc;
}

static void end_start(struct start *s)
{
	tr_net_close(&s->net);
	io_json_free(s->doc);
	as_buf_free(&s->statistics);
	as_buf_free(&s->said);
	tr_from_close(&s->from);
	tr_pretrained_free(&s->base);
	fix_close(&s->f);
}

/* Row r of a weight as the base has it, and as the net has it. */
static void same_row(const struct start *s, const char *name, size_t theirs, size_t mine, bool same)
{
	const struct io_tensor *t = io_model_find(&s->from.file, name);
	const struct nn_param *p = nn_param_find(&s->net.ps, name);
	const size_t bytes = p->cols * sizeof(float);

	cr_assert(eq(int,
		     memcmp((const char *)t->data + theirs * bytes,
			    s->net.ps.v + p->at + mine * p->cols, bytes) == 0,
		     same),
		  "%s %zu", name, theirs);
}

Test(train_from, every_weight_of_a_base_of_the_same_task_is_taken, .init = tn_init)
{
	struct start s;
	struct as_err e = { 0 };

	ok(start_from(&s, fix_ini, &e));
	for (size_t i = 0; i < s.from.file.tensors; i++) {
		const struct io_tensor *t = &s.from.file.tensor[i];

		for (size_t r = 0; r < t->shape[0]; r++) {
			same_row(&s, t->name, r, r, true);
		}
	}
	cr_assert(s.net.given[0] && s.net.given[1]);
	cr_assert(ne(ptr, strstr(s.said.data, "starts anew: fusion.part.record.late.w (not there)"),
		     NULL),
		  "%s", s.said.data);
	end_start(&s);
}

/* Column a is a word now, b comes first, and w is new by name. */
static const char other_columns[] =
    "[task]\nname = small\ntarget = y\nkind = class\n"
    "labels = no, yes\n"
    "[part.record]\nmodality = table\ncolumns = b:number, a:words, g\n"
    "[part.note]\nmodality = text\ncolumn = t\n"
    "[model]\nwidth = 16\nheads = 2\ntext_buckets = 256\n"
    "text_embed = 8\n";

Test(train_from, of_tables_only_columns_that_agree_are_taken, .init = tn_init)
{
	struct start s;
	struct as_err e = { 0 };

	ok(start_from(&s, other_columns, &e));
	same_row(&s, "table.names.e", 1, 0, true);  /* b */
	same_row(&s, "table.names.e", 4, 3, true);  /* b, missing */
	same_row(&s, "table.names.e", 0, 1, false); /* a was a number */
	same_row(&s, "table.names.e", 6, 6, true);  /* of unknown columns */
	same_row(&s, "table.numbers.w", 8, 0, true);
	same_row(&s, "table.numbers.w", 15, 7, true);
	same_row(&s, "table.numbers.w", 24, 24, true);
	same_row(&s, "text.embed.e", 9, 9, true);
	cr_assert(zero(int, s.net.given[0]));
	cr_assert(s.net.given[1]);
	cr_assert(ne(ptr, strstr(s.said.data, "a (no such column)"), NULL), "%s", s.said.data);
	end_start(&s);
}

Test(train_from, another_width_is_refused, .init = tn_init)
{
	struct as_buf ini = { 0 };
	struct start s;
	struct as_err e = { 0 };
	char *at;

	as_buf_puts(&ini, fix_ini);
	at = strstr(ini.data, "width = 16");
	memcpy(at, "width = 24", 10);
	fails(start_from(&s, ini.data, &e), AS_EUSAGE,
	      "width = 16, heads = 2; the task has width "
	      "= 24");
	end_start(&s);
	as_buf_free(&ini);
}

/* One epoch of a training whose first is frozen: encoders stay to the bit, fusion does not. */
Test(train_from, frozen_encoders_stay_as_they_came, .init = tn_init)
{
	struct start s;
	struct as_err e = { 0 };
	struct tr_inputs in;
	struct tr_outcome out;
	size_t cases[60];
	float *before;
	size_t moved = 0;

	ok(start_from(&s, fix_ini, &e));
	s.f.task.hyper.freeze_epochs = 1;
	for (size_t i = 0; i < 60; i++) {
		cases[i] = i;
	}
	ok(tr_inputs_init(&in, &s.f.d, &s.net.enc, &e));
	before = as_malloc(s.net.ps.size * sizeof *before);
	memcpy(before, s.net.ps.v, s.net.ps.size * sizeof *before);
	s.watch.ctx = NULL;
	ok(tr_run(&s.net,
		  &(struct tr_plan){ .in = &in,
				     .train = cases,
				     .trains = 60,
				     .parts = 3,
				     .sd = 1,
				     .epochs = 1,
				     .schedule = 2,
				     .seed = 1,
				     .pool = s.f.pool,
				     .watch = &s.watch },
		  &out, &e));
	for (size_t i = 0; i < s.net.ps.n; i++) {
		const struct nn_param *p = &s.net.ps.p[i];
		const bool still = memcmp(before + p->at, s.net.ps.v + p->at,
					  p->rows * p->cols * sizeof(float)) == 0;

		cr_assert(still || strncmp(p->name, "fusion.", 7) == 0, "%s moved", p->name);
		moved += !still;
	}
	cr_assert(lt(sz, 4, moved));
	free(before);
	tr_outcome_free(&out);
	tr_inputs_free(&in);
	end_start(&s);
}

Test(train_from, more_labels_than_there_are_is_refused, .init = tn_init)
{
	static struct fix f;
	static struct tr_study s;
	struct as_err e = { 0 };

	fix_load(&f, 60, 1);
	f.o.folds = 3;
	f.o.labelled = 41;
	cr_assert(eq(int, tr_study_open(&s, &f.d, &f.o, &e), AS_EUSAGE));
	cr_assert(ne(ptr, strstr(e.msg, "--labelled 41: a run has 40 cases"), NULL), "%s", e.msg);
	tr_study_free(&s);
	fix_close(&f);
}

/* Every fold has a base of its own, made of what trains there; the model says so. */
Test(train_from, a_study_makes_a_base_for_every_fold, .init = tn_init)
{
	static struct fix f;
	static struct tr_study s;
	struct as_err e = { 0 };
	struct as_buf said = { 0 };

	fix_load(&f, 60, 1);
	f.task.hyper.epochs = 3;
	f.watch.note = note;
	f.watch.ctx = &said;
	f.watch.epoch = tell_nobody;
	f.watch.stop = never;
	f.o.folds = 3;
	f.o.pretrain = true;
	f.o.labelled = 40;
	f.o.pretrain_epochs = 2;
	ok(tr_study_run(&s, &f.d, &f.o, &e));
	for (size_t k = 0; k < 3; k++) {
		const struct tr_run_record *r = &s.run[k];

		cr_assert(eq(sz, r->seens, 20));
		cr_assert(le(sz, r->split.trains, 21));
		cr_assert(le(sz, r->split.trains + r->split.stops + r->split.calibrates, 44));
		for (size_t i = 0; i < r->seens; i++) {
			for (size_t t = 0; t < r->split.tests; t++) {
				cr_assert(ne(sz, r->seen[i], r->split.test[t]));
			}
		}
	}
	cr_assert(eq(sz, s.base.train + s.base.stop, 60), "the last is of all cases");
	cr_assert(ne(ptr, strstr(said.data, "from base: "), NULL), "%s", said.data);
	tr_study_free(&s);
	as_buf_free(&said);
	fix_close(&f);
}
