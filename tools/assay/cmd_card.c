/* SPDX-License-Identifier: Apache-2.0
 * cmd_card.c - assay card MODEL [--data CASES.csv] --out CARD.md: a model card, and beside it
 * CARD.html, the same with plots. */
#include "core/io/file.h"
#include "tools/assay/card.h"
#include "tools/assay/cases.h"
#include "tools/assay/options.h"
#include "tools/assay/progress.h"
#include "train/grade.h"

#include <stdio.h>
#include <string.h>

/* What the card's scores are made of, where there are cases. */
struct graded {
	struct tr_reader reader;
	struct tr_data d;
	struct tr_report report;
	struct json_t *scores;
};

static int grade(const struct cmd_job *o, const struct io_model *m, struct tr_pool *pool,
		 struct graded *g, struct as_err *e)
{
	struct tr_data_how how = { .path = o->data,
				   .split = o->split,
				   .keep = true,
				   .skip_bad = o->skip_bad,
				   .origin = o->origin };
	struct as_buf text = { 0 };
	struct io_jw w = { .b = &text };
	int rc;

	TRY(tr_reader_read(&g->reader, m, NULL, e));
	how.sources = g->reader.judge.source;
	TRY(cmd_load("card", &g->reader.judge.task, &how, pool, &g->d, e));
	tr_report_init(&g->report, &g->d, 1, UINT32_MAX, false);
	TRY(tr_grade(&g->reader, &g->report, 0, g->report.lines, pool, e));
	io_jw_obj(&w, NULL);
	tr_report_write(&g->report, &w);
	io_jw_end_obj(&w);
	TRY(io_json_parse(text.data, text.len, "scores", &g->scores, e));
out:
	as_buf_free(&text);
	return rc;
}

static void graded_free(struct graded *g)
{
	io_json_free(g->scores);
	tr_report_free(&g->report);
	tr_data_free(&g->d);
	tr_reader_close(&g->reader);
}

/* CARD.md and CARD.html. */
static int write_both(const char *path, const struct cmd_doc *d, struct as_err *e)
{
	const size_t n = strlen(path);
	const size_t stem = n > 3 && strcmp(path + n - 3, ".md") == 0 ? n - 3 : n;
	struct as_buf page = { 0 };
	int rc;

	as_buf_printf(&page, "%.*s.html", (int)stem, path);
	TRY(io_write_file(path, d->md.data, d->md.len, 0644, e));
	TRY(io_write_file(page.data, d->html.data, d->html.len, 0644, e));
	printf("%s, %s\n", path, page.data);
out:
	as_buf_free(&page);
	return rc;
}

static int read_task(const struct io_model *m, struct io_task *t, struct as_err *e)
{
	struct json_t *doc = NULL;
	int rc;

	TRY(io_model_meta(m, "task", &doc, e));
	TRY(io_task_parse(t, doc, e));
out:
	io_json_free(doc);
	return rc;
}

static int run(void *options, const char *path, struct as_err *e)
{
	const struct cmd_job *o = options;
	struct io_model m = { 0 };
	struct io_task task = { 0 };
	struct json_t *record = NULL;
	struct graded g = { 0 };
	struct tr_pool *pool = NULL;
	struct cmd_doc d = { 0 };
	struct cmd_card c = { .m = &m, .task = &task };
	int rc;

	if (o->out == NULL) {
		return as_fail(e, AS_EUSAGE, "--out: no file given");
	}
	TRY(cmd_check_out(o->out, e));
	TRY(io_model_open(&m, path, e));
	TRY(read_task(&m, &task, e));
	TRY(io_model_meta(&m, "training", &record, e));
	c.record = record;
	c.scores = io_json_find(record, "scores");
	c.on = io_json_find_u64(record, "folds", 0) > 0
		   ? "Each case scored by a network that never saw it"
		   : "Held out to calibrate";
	if (o->data != NULL) {
		TRY(tr_pool_open(&pool, o->threads, e));
		TRY(grade(o, &m, pool, &g, e));
		c.scores = g.scores;
		c.report = &g.report;
		c.on = o->data;
	}
	cmd_doc_begin(&d, io_json_find_str(m.meta, "name", path));
	cmd_card_write(&c, &d);
	cmd_doc_end(&d);
	TRY(write_both(o->out, &d, e));
out:
	cmd_doc_free(&d);
	graded_free(&g);
	tr_pool_close(pool);
	io_json_free(record);
	io_task_free(&task);
	io_model_close(&m);
	return rc;
}

int cmd_card(int argc, char **argv)
{
	struct cmd_job o = cmd_job_defaults();
	struct cmd_option option[CMD_JOB_OPTIONS];
	size_t options = 0;

	cmd_job_options(&o, "data out split threads skip-bad plugin features", option, &options);
	const struct cmd_spec spec = {
		.name = "card",
		.usage = "MODEL.safetensors --out CARD.md [--data CASES.csv] [options]",
		.about = "Writes what a model is, what it was trained on and how good it is as "
			 "Markdown, and beside it\nCARD.html with plots. Scores are those of its "
			 "training, or with --data of these cases.\n",
		.option = option,
		.options = options,
		.words_min = 1,
		.words_max = 1,
	};

	return cmd_run(&spec, argc, argv, run, &o);
}
