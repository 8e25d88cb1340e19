/* SPDX-License-Identifier: Apache-2.0 */
#include "fusion/judge.h"

#include "fusion/conflict.h"
#include "fusion/contribution.h"
#include "fusion/merge.h"

#include <math.h>
#include <string.h>

enum {
	DIM_MAX = 1 << 16,   /* columns of frozen features */
	MEM_BASE = 64 << 20, /* bytes reserved for one pass: 8 parts, 64 rows, width 1024 */
};

/* Beyond it squares and sums of features leave float's range. */
static const float FEATURE_MAX = 1e9F;

static int copy_name(const struct json_t *obj, const char *key, char out[IO_NAME_SIZE],
		     struct as_err *e)
{
	const char *s;
	int rc;

	TRY(io_json_get_str(obj, key, &s, e));
	if (strlen(s) >= IO_NAME_SIZE) {
		return as_fail(e, AS_EFORMAT, "\"%s\" is longer than %d bytes", key,
			       IO_NAME_SIZE - 1);
	}
	memcpy(out, s, strlen(s) + 1);
out:
	return rc;
}

static int parse_source(struct fu_source *s, const struct io_task *task, size_t part,
			const struct json_t *obj, struct as_err *e)
{
	uint64_t dim;
	int rc;

	TRY(copy_name(obj, "modality", s->modality, e));
	TRY(copy_name(obj, "name", s->name, e));
	TRY(copy_name(obj, "version", s->version, e));
	TRY(io_json_get_u64(obj, "dim", &dim, e));
	s->frozen = io_json_find_bool(obj, "frozen", false);
	if (dim == 0 || dim > DIM_MAX) {
		return as_fail(e, AS_EFORMAT, "dim %llu: want 1 to %d", (unsigned long long)dim,
			       DIM_MAX);
	}
	if (!s->frozen && dim != task->hyper.width) {
		return as_fail(e, AS_EFORMAT, "dim %llu, the model's width is %u",
			       (unsigned long long)dim, task->hyper.width);
	}
	if (strcmp(s->modality, task->part[part].modality) != 0) {
		return as_fail(e, AS_EFORMAT, "modality %s, the task says %s", s->modality,
			       task->part[part].modality);
	}
	s->dim = (uint32_t)dim;
out:
	return rc;
}

static int parse_sources(struct fu_judge *j, const struct json_t *doc, struct as_err *e)
{
	for (size_t m = 0; m < j->task.parts; m++) {
		const char *name = j->task.part[m].name;
		const struct json_t *obj = io_json_find(doc, name);

		if (!io_json_is_obj(obj)) {
			return as_fail(e, AS_EFORMAT, "encoders: no entry for part %s", name);
		}
		if (parse_source(&j->source[m], &j->task, m, obj, e) != AS_OK) {
			return as_wrap(e, "encoders: part %s", name);
		}
	}
	return AS_OK;
}

/* io_model's own errors name the file already, those of what is parsed from it do not. */
static int in_file(int rc, const struct io_model *m, struct as_err *e)
{
	return rc == AS_OK ? AS_OK : as_wrap(e, "%s", m->path);
}

/* Everything of the metadata, before the weights: it says what weights there are. */
static int read_meta(struct fu_judge *j, const struct io_model *m, struct as_err *e)
{
	const char *format = io_json_find_str(m->meta, "format", "");
	const char *name = io_json_find_str(m->meta, "name", "");
	struct json_t *task = NULL;
	struct json_t *sources = NULL;
	struct json_t *calibration = NULL;
	int rc;

	if (strcmp(format, "assay-model-1") != 0) {
		return as_fail(e, AS_EFORMAT, "%s: format \"%.40s\": want assay-model-1", m->path,
			       format);
	}
	if (strlen(name) >= sizeof j->name) {
		return as_fail(e, AS_EFORMAT, "%s: name is longer than %zu bytes", m->path,
			       sizeof j->name - 1);
	}
	memcpy(j->name, name, strlen(name) + 1);
	TRY(io_model_meta(m, "task", &task, e));
	TRY(in_file(io_task_parse(&j->task, task, e), m, e));
	TRY(io_model_meta(m, "encoders", &sources, e));
	TRY(in_file(parse_sources(j, sources, e), m, e));
	TRY(io_model_meta(m, "calibration", &calibration, e));
	rc = fu_calibration_parse(&j->calibration, &j->task, calibration, e);
	if (rc != AS_OK) {
		rc = as_wrap(e, "%s: calibration", m->path);
	}
out:
	io_json_free(calibration);
	io_json_free(sources);
	io_json_free(task);
	return rc;
}

static int check_weights(const struct nn_params *ps, struct as_err *e)
{
	for (size_t i = 0; i < ps->n; i++) {
		const struct nn_param *p = &ps->p[i];

		for (size_t k = 0; k < p->rows * p->cols; k++) {
			if (!isfinite(ps->v[p->at + k])) {
				return as_fail(e, AS_EFORMAT, "%s[%zu] is not a finite number",
					       p->name, k);
			}
		}
	}
	return AS_OK;
}

static int bind_weights(struct fu_judge *j, const struct io_model *m, struct as_err *e)
{
	size_t dim[IO_PARTS_MAX] = { 0 };
	size_t bytes = MEM_BASE;
	struct as_rng rng;
	int rc;

	for (size_t i = 0; i < j->task.parts; i++) {
		dim[i] = j->source[i].frozen ? j->source[i].dim : 0;
		bytes += (size_t)FU_ROWS_MAX * j->source[i].dim * sizeof(float);
	}
	fu_model_init(&j->model, &j->params, &j->task, dim);
	as_rng_seed(&rng, 0, 0);
	nn_params_start(&j->params, &rng);
	TRY(io_model_bind(m, &j->params, "fusion.", e));
	TRY(in_file(check_weights(&j->params, e), m, e));
	nn_params_serve(&j->params);
	TRY(as_arena_init(&j->mem, "judge", bytes, e));
out:
	return rc;
}

int fu_judge_read(struct fu_judge *j, const struct io_model *m, struct as_err *e)
{
	int rc;

	*j = (struct fu_judge){ 0 };
	memcpy(j->sha256, m->sha256, sizeof j->sha256);
	TRY(read_meta(j, m, e));
	TRY(bind_weights(j, m, e));
out:
	return rc;
}

int fu_judge_open(struct fu_judge *j, const char *path, struct as_err *e)
{
	struct io_model m = { 0 };
	int rc;

	*j = (struct fu_judge){ 0 };
	TRY(io_model_open(&m, path, e));
	TRY(fu_judge_read(j, &m, e));
out:
	io_model_close(&m);
	return rc;
}

void fu_judge_close(struct fu_judge *j)
{
	as_arena_free(&j->mem);
	nn_params_free(&j->params);
	io_task_free(&j->task);
	*j = (struct fu_judge){ 0 };
}

static int check_page(const struct fu_judge *j, const struct fu_page *p, struct as_err *e)
{
	const struct io_part_spec *spec;
	uint32_t repeat;

	if (p->part >= j->task.parts) {
		return as_fail(e, AS_ESHAPE, "part %u: the model has %zu parts", p->part,
			       j->task.parts);
	}
	spec = &j->task.part[p->part];
	repeat = spec->repeat > 0 ? spec->repeat : 1;
	if (p->page >= repeat) {
		return as_fail(e, AS_ESHAPE, "part %s page %u: the task allows %u", spec->name,
			       p->page, repeat);
	}
	if (p->dim != j->source[p->part].dim) {
		return as_fail(e, AS_ESHAPE, "part %s page %u: dim %u, the model wants %u",
			       spec->name, p->page, p->dim, j->source[p->part].dim);
	}
	if (p->rows == 0) {
		return as_fail(e, AS_ESHAPE, "part %s page %u: no rows", spec->name, p->page);
	}
	for (size_t i = 0; i < (size_t)p->rows * p->dim; i++) {
		if (!(fabsf(p->v[i]) <= FEATURE_MAX)) {
			return as_fail(
			    e, AS_ESHAPE,
			    "part %s page %u: row %zu column %zu is not a number within %g",
			    spec->name, p->page, i / p->dim, i % p->dim, (double)FEATURE_MAX);
		}
	}
	return AS_OK;
}

/* The pages of one part, in page order. */
struct pages {
	const struct fu_page *page[IO_PAGES_MAX];
	size_t n;
};

static int sort_pages(const struct fu_judge *j, const struct fu_page *page, size_t n,
		      struct pages parts[IO_PARTS_MAX], struct as_err *e)
{
	for (size_t i = 0; i < n; i++) {
		struct pages *p;
		size_t at;

		if (check_page(j, &page[i], e) != AS_OK) {
			return e->code;
		}
		p = &parts[page[i].part];
		at = p->n;
		while (at > 0 && p->page[at - 1]->page > page[i].page) {
			at--;
		}
		if (at > 0 && p->page[at - 1]->page == page[i].page) {
			return as_fail(e, AS_ESHAPE, "part %s page %u: given twice",
				       j->task.part[page[i].part].name, page[i].page);
		}
		memmove(p->page + at + 1, p->page + at, (p->n - at) * sizeof(struct fu_page *));
		p->page[at] = &page[i];
		p->n++;
	}
	return AS_OK;
}

/* Rows and places of one part, in j->mem. */
static void join_pages(struct fu_judge *j, size_t part, const struct pages *p, struct fu_rows *rows,
		       struct assay_place **place)
{
	const float *v[IO_PAGES_MAX];
	const struct assay_place *from[IO_PAGES_MAX];
	size_t n[IO_PAGES_MAX];
	const size_t dim = j->source[part].dim;
	struct fu_merge merge;
	float *y;

	for (size_t i = 0; i < p->n; i++) {
		v[i] = p->page[i]->v;
		from[i] = p->page[i]->place;
		n[i] = p->page[i]->rows;
	}
	fu_merge_plan(&merge, n, p->n);
	y = as_alloc(&j->mem, merge.rows * dim, sizeof *y);
	fu_merge_fwd(&merge, v, y, dim);
	*place = as_alloc(&j->mem, merge.rows, sizeof **place);
	fu_merge_places(&merge, j->task.part[part].modality, from, *place);
	*rows = (struct fu_rows){ .rows = merge.rows, .v = y };
}

/* Weights in the file are finite, but their products need not be. */
static int check_result(const struct fu_judge *j, const struct fu_act *a, struct as_err *e)
{
	for (size_t k = 0; k < j->model.c; k++) {
		for (size_t m = 0; m < j->task.parts; m++) {
			if (a->present[m] && !isfinite(a->late[m][k])) {
				return as_fail(e, AS_ESHAPE,
					       "part %s: its judgment is not a finite number",
					       j->task.part[m].name);
			}
		}
		if (!isfinite(a->logits[k])) {
			return as_fail(e, AS_ESHAPE, "the judgment is not a finite number");
		}
	}
	return AS_OK;
}

/* How far part m is from what the rest, the other parts present, say together: logits [c]. */
static double conflict_with(const struct fu_judge *j, const struct fu_part_judgment *part,
			    uint32_t rest, const float *logits)
{
	const struct fu_calibration *c = &j->calibration;
	const double value[] = { part->value, c->mean + c->sd * (double)logits[0] };
	const size_t labels = j->task.labels;
	float p[2 * IO_LABELS_MAX];

	if (j->task.kind == IO_VALUE) {
		return fu_conflict_value(value, 2, c->sd);
	}
	memcpy(p, part->p, labels * sizeof *p);
	fu_calibrate(&j->task, logits, c->temperature[rest], p + labels);
	return j->task.kind == IO_MULTI ? fu_conflict_multi(p, 2, labels)
					: fu_conflict_class(p, 2, labels);
}

/* Which part is at odds with the others. logits [subsets, c]. */
static void find_conflicts(const struct fu_judge *j, const float *logits, uint32_t present,
			   struct fu_judgment *out)
{
	for (size_t m = 0; m < j->task.parts; m++) {
		const uint32_t rest = present & ~(1U << m);

		if (out->part[m].present && rest != 0) {
			out->part[m].conflict =
			    conflict_with(j, &out->part[m], rest, logits + rest * j->model.c);
		}
	}
}

/* What the labels named (the value) rest on. logits [subsets, c]. */
static void contribute(const struct fu_judge *j, const float *logits, uint32_t present,
		       struct fu_judgment *out)
{
	const size_t c = j->model.c;
	const size_t subsets = (size_t)1 << j->task.parts;
	double v[FU_SUBSETS];

	for (size_t k = 0; k < c; k++) {
		if (j->task.kind != IO_VALUE && !out->named[k]) {
			continue;
		}
		for (size_t b = 0; b < subsets; b++) {
			if ((b & ~(size_t)present) == 0) {
				v[b] = fu_evidence(&j->task, logits + b * c, k);
			}
		}
		fu_shapley(v, j->task.parts, present, out->contribution[k]);
		out->base[k] = v[0];
	}
	if (j->task.kind == IO_VALUE) {
		out->base[0] = j->calibration.mean + j->calibration.sd * out->base[0];
		for (size_t m = 0; m < j->task.parts; m++) {
			out->contribution[0][m] *= j->calibration.sd;
		}
	}
}

int fu_judge_case(struct fu_judge *j, const struct fu_page *page, size_t pages,
		  struct fu_judgment *out, struct as_err *e)
{
	const struct nn_step s = { .p = j->params.v, .mem = &j->mem };
	const size_t mark = j->mem.used;
	struct pages part[IO_PARTS_MAX] = { 0 };
	struct fu_rows rows[IO_PARTS_MAX] = { 0 };
	struct assay_place *place[IO_PARTS_MAX] = { 0 };
	struct fu_answer answer = { 0 };
	struct fu_act a;
	float *subset;
	int rc;

	*out = (struct fu_judgment){ 0 };
	TRY(sort_pages(j, page, pages, part, e));
	for (size_t m = 0; m < j->task.parts; m++) {
		if (part[m].n > 0) {
			join_pages(j, m, &part[m], &rows[m], &place[m]);
			answer.present |= 1U << m;
		}
	}
	fu_model_fwd(&j->model, &s, rows, &a);
	TRY(check_result(j, &a, e));
	answer.logits = a.logits;
	memcpy(answer.late, a.late, sizeof answer.late);
	fu_verdict(&j->task, &j->calibration, &answer, out);
	for (size_t m = 0; m < j->task.parts; m++) {
		out->part[m].weight = a.weight[m];
	}
	subset = as_alloc(&j->mem, j->model.c << j->task.parts, sizeof *subset);
	fu_subsets(&j->model, &s, &a, subset);
	find_conflicts(j, subset, answer.present, out);
	contribute(j, subset, answer.present, out);
	out->alignments = fu_strongest(&j->model, &a, place, out->alignment, FU_ALIGNMENTS);
out:
	as_arena_reset(&j->mem, mark);
	return rc;
}
