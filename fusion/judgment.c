/* SPDX-License-Identifier: Apache-2.0
 * judgment.c - a judgment as JSON members; docs/protocol.md describes them. */
#include "fusion/judge.h"

#include <string.h>

static void write_labels(const struct io_task *task, const float *p, struct io_jw *w,
			 const char *key)
{
	io_jw_obj(w, key);
	for (size_t k = 0; k < task->labels; k++) {
		io_jw_float(w, task->label[k], p[k]);
	}
	io_jw_end_obj(w);
}

static void write_verdict(const struct io_task *task, const struct fu_judgment *out,
			  struct io_jw *w)
{
	if (task->kind == IO_VALUE) {
		io_jw_num(w, "value", out->value);
		return;
	}
	if (task->kind == IO_MULTI) {
		io_jw_arr(w, "label");
		for (size_t k = 0; k < task->labels; k++) {
			if (out->named[k]) {
				io_jw_str(w, NULL, task->label[k]);
			}
		}
		io_jw_end_arr(w);
	} else {
		io_jw_str(w, "label", task->label[out->label]);
		io_jw_float(w, "probability", out->p[out->label]);
		if (task->labels == 2) {
			io_jw_float(w, "threshold", out->threshold[1]);
		}
	}
	write_labels(task, out->p, w, "labels");
	if (task->kind == IO_MULTI) {
		write_labels(task, out->threshold, w, "thresholds");
	}
}

static void write_set(const struct io_task *task, const struct fu_judgment *out, struct io_jw *w)
{
	if (out->coverage <= 0) {
		return;
	}
	if (task->kind == IO_VALUE) {
		io_jw_arr(w, "interval");
		io_jw_num(w, NULL, out->low); /* infinite: null */
		io_jw_num(w, NULL, out->high);
	} else {
		io_jw_arr(w, "set");
		for (size_t k = 0; k < task->labels; k++) {
			if (out->set[k]) {
				io_jw_str(w, NULL, task->label[k]);
			}
		}
	}
	io_jw_end_arr(w);
	io_jw_num(w, "coverage", out->coverage);
}

/* Every part's contribution to one label. */
static void write_share(const struct io_task *task, const struct fu_judgment *out, size_t label,
			struct io_jw *w, const char *key)
{
	io_jw_obj(w, key);
	for (size_t m = 0; m < task->parts; m++) {
		io_jw_float(w, task->part[m].name, (float)out->contribution[label][m]);
	}
	io_jw_end_obj(w);
}

static void write_contributions(const struct io_task *task, const struct fu_judgment *out,
				struct io_jw *w)
{
	const size_t one = task->kind == IO_CLASS ? out->label : 0;

	if (task->kind != IO_MULTI) {
		write_share(task, out, one, w, "contributions");
		io_jw_float(w, "base", (float)out->base[one]);
		return;
	}
	io_jw_obj(w, "contributions");
	for (size_t k = 0; k < task->labels; k++) {
		if (out->named[k]) {
			write_share(task, out, k, w, task->label[k]);
		}
	}
	io_jw_end_obj(w);
	io_jw_obj(w, "base");
	for (size_t k = 0; k < task->labels; k++) {
		if (out->named[k]) {
			io_jw_float(w, task->label[k], (float)out->base[k]);
		}
	}
	io_jw_end_obj(w);
}

static void write_abstention(const struct fu_abstention *a, struct io_jw *w)
{
	if (a->abstains) {
		io_jw_obj(w, "abstain");
		io_jw_str(w, "reason", io_abstain_name(a->why));
		io_jw_num(w, "is", a->is);
		io_jw_num(w, "limit", a->limit);
		io_jw_end_obj(w);
	}
}

static void write_parts(const struct io_task *task, const struct fu_judgment *out, struct io_jw *w)
{
	io_jw_obj(w, "parts");
	for (size_t m = 0; m < task->parts; m++) {
		const struct fu_part_judgment *p = &out->part[m];

		io_jw_obj(w, task->part[m].name);
		io_jw_bool(w, "present", p->present);
		io_jw_float(w, "weight", p->weight);
		if (p->present && task->kind == IO_VALUE) {
			io_jw_num(w, "value", p->value);
		} else if (p->present) {
			write_labels(task, p->p, w, "labels");
		}
		if (p->present) {
			io_jw_num(w, "conflict", p->conflict);
		}
		io_jw_end_obj(w);
	}
	io_jw_end_obj(w);
	io_jw_arr(w, "missing");
	for (size_t m = 0; m < task->parts; m++) {
		if (!out->part[m].present) {
			io_jw_str(w, NULL, task->part[m].name);
		}
	}
	io_jw_end_arr(w);
}

/* What the four numbers of a place are called, and how many count, by modality. */
static void write_place(const struct io_part_spec *part, const struct assay_place *p,
			struct io_jw *w, const char *key)
{
	const uint32_t v[] = { p->a, p->b, p->c, p->d };
	const bool text = strcmp(part->modality, "text") == 0;
	const bool image = strcmp(part->modality, "image") == 0;
	const bool table = strcmp(part->modality, "table") == 0;
	const size_t n = text || table ? 2 : 4;

	io_jw_obj(w, key);
	io_jw_str(w, "part", part->name);
	io_jw_u64(w, "page", p->page);
	io_jw_arr(w, text ? "bytes" : image ? "box" : table ? "cell" : "place");
	for (size_t i = 0; i < n; i++) {
		io_jw_u64(w, NULL, v[i]);
	}
	io_jw_end_arr(w);
	if (p->label[0] != '\0') {
		io_jw_str(w, "label", p->label);
	}
	io_jw_end_obj(w);
}

void fu_judgment_write(const struct fu_judge *j, const struct fu_judgment *out, struct io_jw *w)
{
	write_verdict(&j->task, out, w);
	write_set(&j->task, out, w);
	write_parts(&j->task, out, w);
	write_contributions(&j->task, out, w);
	io_jw_num(w, "conflict", out->conflict);
	write_abstention(&out->abstention, w);
	io_jw_arr(w, "alignments");
	for (size_t i = 0; i < out->alignments; i++) {
		const struct fu_alignment *a = &out->alignment[i];

		io_jw_obj(w, NULL);
		io_jw_float(w, "strength", a->strength);
		write_place(&j->task.part[a->from], &a->from_place, w, "from");
		write_place(&j->task.part[a->to], &a->to_place, w, "to");
		io_jw_end_obj(w);
	}
	io_jw_end_arr(w);
	io_jw_obj(w, "model");
	io_jw_str(w, "name", j->name);
	io_jw_str(w, "sha256", j->sha256);
	io_jw_end_obj(w);
}
