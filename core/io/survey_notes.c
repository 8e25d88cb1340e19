/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/survey_notes.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static void note(struct io_survey *s, const char *fmt, ...) AS_PRINTF(2, 3);

static void note(struct io_survey *s, const char *fmt, ...)
{
	char line[512];
	va_list args;

	if (s->notes == IO_NOTES_MAX) {
		return;
	}
	va_start(args, fmt);
	(void)vsnprintf(line, sizeof line, fmt, args);
	va_end(args);
	s->note[s->notes++] = as_strdup(line);
}

static void note_labels(struct io_survey *s, const struct io_task *t)
{
	size_t seen = 0;

	for (size_t k = 0; k < t->labels; k++) {
		seen += s->label[k] > 0;
	}
	if (t->kind == IO_CLASS && s->labelled > 0 && seen == 1) {
		note(s, "every case has the same label: there is nothing to tell apart");
		return;
	}
	for (size_t k = 0; k < t->labels && s->labelled > 0; k++) {
		if (s->label[k] == 0) {
			note(s, "no case has the label %s", t->label[k]);
		}
	}
	if (t->kind == IO_VALUE && s->labelled > 1 && s->min >= s->max) {
		note(s, "every case has the same target");
	}
}

static void note_column(struct io_survey *s, const struct io_task *t, size_t p,
			const struct io_survey_column *c)
{
	if (c->present == 0) {
		note(s, "part %s: all cells of column %s are missing", t->part[p].name, c->name);
	} else if (s->labelled > 1 && c->targets == s->labelled) {
		note(s, "part %s: column %s equals the target in every case", t->part[p].name,
		     c->name);
	} else if (c->cell == IO_NUMBER && c->numbers < c->present) {
		note(s, "part %s: %zu cells of column %s are no numbers and count as missing",
		     t->part[p].name, c->present - c->numbers, c->name);
	}
}

void io_survey_notes(struct io_survey *s, const struct io_task *t, const struct io_binding *b)
{
	if (s->cases == 0) {
		note(s, "the table has a header and no row");
		return;
	}
	if (s->targetless > 0) {
		note(s, "%zu of %zu rows have no target and are left out of training",
		     s->targetless, s->cases);
	}
	note_labels(s, t);
	if (!s->ids.full && s->ids.n < s->cases) {
		note(s, "%zu rows have a case id that came before", s->cases - s->ids.n);
	}
	if (s->replaced > 0) {
		note(s, "%" PRIu64 " bytes of the table are not UTF-8 and were replaced",
		     s->replaced);
	}
	for (size_t p = 0; p < s->parts; p++) {
		if (b->column[p] == NULL) {
			continue;
		}
		if (s->part[p].present == 0) {
			note(s, "part %s is absent from every case", t->part[p].name);
			continue;
		}
		for (size_t i = 0; i < s->part[p].columns; i++) {
			note_column(s, t, p, &s->part[p].column[i]);
		}
	}
}
