/* SPDX-License-Identifier: Apache-2.0
 * cmd_task.c - assay task check TASK.ini --data CASES.csv: says what it understood of both. */
#include "core/io/case.h"
#include "core/io/survey.h"
#include "tools/assay/cmd.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct options {
	const char *task, *data;
	struct cmd_list without;
	bool json;
};

static double share(size_t n, size_t of)
{
	return of > 0 ? 100.0 * (double)n / (double)of : 0;
}

static void print_counts(const char *title, const struct io_counts *c)
{
	enum { SHOWN = 12 };

	if (c->n == 0) {
		return;
	}
	printf("%-10s", title);
	for (size_t i = 0; i < c->n && i < SHOWN; i++) {
		printf("%s%s %zu", i > 0 ? ", " : "", c->v[i]->name[0] ? c->v[i]->name : "(none)",
		       c->v[i]->n);
	}
	printf("%s\n", c->n > SHOWN ? ", ..." : "");
}

static void print_target(const struct io_survey *s, const struct io_task *t)
{
	printf("task      %s: %s, target %s\n", t->name, io_kind_name(t->kind), t->target);
	printf("cases     %zu, %zu with a target\n", s->cases, s->labelled);
	for (size_t k = 0; k < t->labels; k++) {
		printf("%-10s%-24s %8zu  %5.1f %%%s\n", k == 0 ? "labels" : "", t->label[k],
		       s->label[k], share(s->label[k], s->labelled),
		       t->kind == IO_CLASS && t->labels == 2 && k == 1 ? "  positive" : "");
	}
	if (t->kind == IO_VALUE && s->labelled > 0) {
		printf("target    %.6g to %.6g, mean %.6g\n", s->min, s->max,
		       s->sum / (double)s->labelled);
	}
	if (t->group != NULL) {
		printf("groups    %zu%s by %s\n", s->groups.n, s->groups.full ? "+" : "", t->group);
	}
	print_counts("splits", &s->splits);
}

/* Bytes of s to show: at most max, and no half of a character. */
static int shown(const char *s, size_t max)
{
	size_t n = strlen(s);

	if (n > max) {
		n = max;
		while (n > 0 && ((unsigned char)s[n] & 0xC0U) == 0x80U) {
			n--;
		}
	}
	return (int)n;
}

static void print_column(const struct io_survey_column *c, size_t cases)
{
	printf("  %-28.*s %-7s %7.1f %%  %7zu%c  ", shown(c->name, 28), c->name,
	       io_cell_name(c->cell), share(cases - c->present, cases), c->values.n,
	       c->values.full ? '+' : ' ');
	if (c->cell == IO_NUMBER && c->numbers > 0) {
		printf("%.6g to %.6g, mean %.6g", c->min, c->max, c->sum / (double)c->numbers);
	} else if (c->cell == IO_WORDS) {
		for (size_t i = 0; i < c->values.n && i < 3; i++) {
			const char *v = c->values.v[i]->name;

			printf("%s%.*s", i > 0 ? " | " : "", shown(v, 24), v);
		}
		printf("%s", c->values.n > 3 ? " | ..." : "");
	}
	printf("\n");
}

static void print_part(const struct io_survey_part *p, const struct io_part_spec *spec,
		       size_t cases)
{
	printf("\npart %s: %s%s, in %zu of %zu cases", spec->name, spec->modality,
	       spec->sheet ? " sheets" : "", p->present, cases);
	if (io_part_is_file(spec)) {
		printf(", %zu files (at most %zu a case, limit %u), %.1f MB", p->pages,
		       p->pages_max, spec->repeat, (double)p->bytes / 1e6);
	}
	if (spec->sheet) {
		printf(", %zu rows, at most %zu cells", p->rows, p->cells_max);
	}
	if (io_part_is_text(spec)) {
		printf(", %zu words (at most %zu a case), %zu%s distinct", p->words, p->words_max,
		       p->seen.n, p->seen.full ? "+" : "");
	}
	printf("\n");
	if (io_part_is_record(spec)) {
		printf("  %-28s %-7s %9s  %8s  %s\n", "column", "type", "missing", "distinct",
		       "values");
		for (size_t i = 0; i < p->columns; i++) {
			print_column(&p->column[i], cases);
		}
	}
}

static void print_text(const struct io_survey *s, const struct io_task *t,
		       const bool without[IO_PARTS_MAX])
{
	print_target(s, t);
	for (size_t p = 0; p < s->parts; p++) {
		if (!without[p]) {
			print_part(&s->part[p], &t->part[p], s->cases);
		}
	}
	printf("%s", s->notes > 0 ? "\n" : "");
	for (size_t i = 0; i < s->notes; i++) {
		printf("warning: %s\n", s->note[i]);
	}
}

static void write_counts(struct io_jw *w, const char *key, const struct io_counts *c)
{
	io_jw_obj(w, key);
	for (size_t i = 0; i < c->n; i++) {
		io_jw_u64(w, c->v[i]->name, c->v[i]->n);
	}
	io_jw_end_obj(w);
}

static void write_column(struct io_jw *w, const struct io_survey_column *c, size_t cases)
{
	io_jw_obj(w, NULL);
	io_jw_str(w, "name", c->name);
	io_jw_str(w, "type", io_cell_name(c->cell));
	io_jw_u64(w, "present", c->present);
	io_jw_u64(w, "missing", cases - c->present);
	io_jw_u64(w, "numbers", c->numbers);
	io_jw_u64(w, "distinct", c->values.n);
	if (c->cell == IO_NUMBER && c->numbers > 0) {
		io_jw_num(w, "min", c->min);
		io_jw_num(w, "max", c->max);
		io_jw_num(w, "mean", c->sum / (double)c->numbers);
	}
	io_jw_end_obj(w);
}

static void write_part(struct io_jw *w, const struct io_survey_part *p,
		       const struct io_part_spec *spec, size_t cases)
{
	io_jw_obj(w, spec->name);
	io_jw_str(w, "modality", spec->modality);
	io_jw_u64(w, "present", p->present);
	if (io_part_is_file(spec)) {
		io_jw_u64(w, "pages", p->pages);
		io_jw_u64(w, "pages_max", p->pages_max);
		io_jw_u64(w, "bytes", p->bytes);
	}
	if (spec->sheet) {
		io_jw_u64(w, "rows", p->rows);
		io_jw_u64(w, "cells_max", p->cells_max);
	}
	if (io_part_is_text(spec)) {
		io_jw_u64(w, "words", p->words);
		io_jw_u64(w, "words_max", p->words_max);
		io_jw_u64(w, "distinct", p->seen.n);
	}
	io_jw_arr(w, "columns");
	for (size_t i = 0; i < p->columns; i++) {
		write_column(w, &p->column[i], cases);
	}
	io_jw_end_arr(w);
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

static void print_json(const struct io_survey *s, const struct io_task *t,
		       const bool without[IO_PARTS_MAX])
{
	struct as_buf out = { 0 };
	struct io_jw w = { .b = &out };

	io_jw_obj(&w, NULL);
	io_task_write(t, &w, "task");
	io_jw_u64(&w, "cases", s->cases);
	io_jw_u64(&w, "labelled", s->labelled);
	io_jw_u64(&w, "groups", s->groups.n);
	io_jw_obj(&w, "labels");
	for (size_t k = 0; k < t->labels; k++) {
		io_jw_u64(&w, t->label[k], s->label[k]);
	}
	io_jw_end_obj(&w);
	if (t->kind == IO_VALUE && s->labelled > 0) {
		io_jw_num(&w, "min", s->min);
		io_jw_num(&w, "max", s->max);
		io_jw_num(&w, "mean", s->sum / (double)s->labelled);
	}
	write_counts(&w, "splits", &s->splits);
	io_jw_obj(&w, "parts");
	for (size_t p = 0; p < s->parts; p++) {
		if (!without[p]) {
			write_part(&w, &s->part[p], &t->part[p], s->cases);
		}
	}
	io_jw_end_obj(&w);
	write_list(&w, "warnings", s->note, s->notes);
	write_list(&w, "bad", s->bad_named, s->bad < IO_BAD_NAMED ? s->bad : IO_BAD_NAMED);
	io_jw_u64(&w, "bad_count", s->bad);
	io_jw_end_obj(&w);
	puts(out.data);
	as_buf_free(&out);
}

static int check(const struct options *o, struct as_err *e)
{
	bool without[IO_PARTS_MAX] = { false };
	struct io_task t = { 0 };
	struct io_survey s = { 0 };
	int rc;

	TRY(io_task_load(&t, o->task, e));
	for (size_t i = 0; i < o->without.n; i++) {
		const int p = io_task_part(&t, o->without.v[i]);

		if (p < 0) {
			rc = as_fail(e, AS_EUSAGE, "--without: the task has no part \"%s\"",
				     o->without.v[i]);
			goto out;
		}
		without[p] = true;
	}
	TRY(io_survey_read(&s, &t, o->data, without, e));
	if (o->json) {
		print_json(&s, &t, without);
	} else {
		print_text(&s, &t, without);
	}
	for (size_t i = 0; i < IO_BAD_NAMED && s.bad_named[i] != NULL; i++) {
		(void)fprintf(stderr, "%s\n", s.bad_named[i]);
	}
	if (s.bad > 0) {
		rc = as_fail(e, AS_EFORMAT,
			     "%zu fault%s in the cases (the first %d are named); train and eval "
			     "stop at them without --skip-bad",
			     s.bad, s.bad == 1 ? "" : "s", (int)IO_BAD_NAMED);
	}
out:
	io_survey_free(&s);
	io_task_free(&t);
	return rc;
}

int cmd_task(int argc, char **argv)
{
	struct options o = { 0 };
	const struct cmd_option option[] = {
		{ "data", "FILE", "the case table; - is standard input", CMD_TEXT, &o.data, 0, 0 },
		{ "without", "PART", "leave a part out; may come again", CMD_LIST, &o.without, 0,
		  0 },
		{ "json", NULL, "one JSON object instead of text", CMD_FLAG, &o.json, 0, 0 },
	};
	const struct cmd_spec spec = {
		"task",
		"check TASK.ini --data CASES.csv [options]",
		"Says what the task understands of the table; reads every file that it names.\n"
		"Exits with 65 where a file cannot be read or a target is none of the labels.\n",
		option,
		sizeof option / sizeof *option,
		2,
		2,
	};
	const char *word[2];
	size_t words;
	bool done;
	struct as_err e;
	int rc;

	TRY(cmd_parse(&spec, argc, argv, word, &words, &done, &e));
	if (done) {
		goto out;
	}
	if (strcmp(word[0], "check") != 0) {
		rc = as_fail(&e, AS_EUSAGE, "\"%s\": want check", word[0]);
		goto out;
	}
	if (o.data == NULL) {
		rc = as_fail(&e, AS_EUSAGE, "--data: no table given");
		goto out;
	}
	o.task = word[1];
	rc = check(&o, &e);
out:
	return cmd_end(&spec, rc, &e);
}
