/* SPDX-License-Identifier: Apache-2.0 */
#include "fusion/calibration.h"

#include "core/nn/loss.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The key of the pattern without parts; brackets cannot stand in a part's name. */
static const char NONE[] = "(none)";

void fu_calibration_defaults(struct fu_calibration *c)
{
	*c = (struct fu_calibration){ .mean = 0.0, .sd = 1.0 };
	for (size_t i = 0; i < FU_PATTERNS; i++) {
		c->temperature[i] = 1.0F;
		c->quantile[i] = INFINITY;
	}
	for (size_t i = 0; i < IO_PARTS_MAX; i++) {
		c->part_temperature[i] = 1.0F;
	}
	for (size_t i = 0; i < IO_LABELS_MAX; i++) {
		c->threshold[i] = 0.5F;
	}
}

/* "scan+report" -> the bits of the two parts. */
static int parse_pattern(const struct io_task *task, const char *what, const char *key,
			 size_t *bits, struct as_err *e)
{
	*bits = 0;
	if (strcmp(key, NONE) == 0) {
		return AS_OK;
	}
	for (const char *at = key; at != NULL;) {
		const char *end = strchr(at, '+');
		const size_t n = end != NULL ? (size_t)(end - at) : strlen(at);
		char name[IO_NAME_SIZE + 1]; /* a name that is too long stays so */
		int part;

		(void)snprintf(name, sizeof name, "%.*s", (int)n, at);
		part = io_task_part(task, name);
		if (part < 0) {
			return as_fail(e, AS_EFORMAT, "%s \"%s\": no part \"%.*s\"", what, key,
				       (int)n, at);
		}
		if ((*bits & (size_t)1 << part) != 0) {
			return as_fail(e, AS_EFORMAT, "%s \"%s\": part \"%s\" twice", what, key,
				       name);
		}
		*bits |= (size_t)1 << part;
		at = end != NULL ? end + 1 : NULL;
	}
	return AS_OK;
}

static int parse_number(const struct json_t *v, const char *what, const char *key, double min,
			double max, float *out, struct as_err *e)
{
	const double x = io_json_num(v, -1.0); /* below every min */

	if (!(x >= min && x <= max)) {
		return as_fail(e, AS_EFORMAT, "%s \"%s\": want a number from %g to %g", what, key,
			       min, max);
	}
	*out = (float)x;
	return AS_OK;
}

/* A temperature's reciprocal must be a number too. */
static const double T_MIN = 1e-6;
static const double T_MAX = 1e6;

static int parse_temperature(struct fu_calibration *c, const struct io_task *task,
			     const struct json_t *obj, struct as_err *e)
{
	const char *key;
	struct json_t *value;
	void *it = NULL;
	int rc = AS_OK;

	while (io_json_next(obj, &it, &key, &value)) {
		size_t bits;

		TRY(parse_pattern(task, "temperature", key, &bits, e));
		TRY(parse_number(value, "temperature", key, T_MIN, T_MAX, &c->temperature[bits],
				 e));
	}
out:
	return rc;
}

static int parse_part_temperature(struct fu_calibration *c, const struct io_task *task,
				  const struct json_t *obj, struct as_err *e)
{
	const char *key;
	struct json_t *value;
	void *it = NULL;
	int rc = AS_OK;

	while (io_json_next(obj, &it, &key, &value)) {
		const int part = io_task_part(task, key);

		if (part < 0) {
			return as_fail(e, AS_EFORMAT, "part_temperature: no part \"%s\"", key);
		}
		TRY(parse_number(value, "part_temperature", key, T_MIN, T_MAX,
				 &c->part_temperature[part], e));
	}
out:
	return rc;
}

/* Whether the task's label k is decided by a threshold. */
static bool has_threshold(const struct io_task *task, size_t k)
{
	return task->kind == IO_MULTI || (task->kind == IO_CLASS && task->labels == 2 && k == 1);
}

static int parse_threshold(struct fu_calibration *c, const struct io_task *task,
			   const struct json_t *obj, struct as_err *e)
{
	const char *key;
	struct json_t *value;
	void *it = NULL;
	int rc = AS_OK;

	while (io_json_next(obj, &it, &key, &value)) {
		const int label = io_task_label(task, key);

		if (label < 0 || !has_threshold(task, (size_t)label)) {
			return as_fail(e, AS_EFORMAT, "threshold: no label \"%s\" that has one",
				       key);
		}
		TRY(parse_number(value, "threshold", key, 0.0, 1.0, &c->threshold[label], e));
	}
out:
	return rc;
}

static int parse_target(struct fu_calibration *c, const struct io_task *task,
			const struct json_t *obj, struct as_err *e)
{
	int rc;

	if (task->kind != IO_VALUE) {
		return as_fail(e, AS_EFORMAT, "target: the task's target is not a value");
	}
	TRY(io_json_get_num(obj, "mean", &c->mean, e));
	TRY(io_json_get_num(obj, "sd", &c->sd, e));
	if (!isfinite(c->mean) || !isfinite(c->sd) || c->sd <= 0.0) {
		rc = as_fail(e, AS_EFORMAT, "target: mean %g, sd %g: want finite, sd above 0",
			     c->mean, c->sd);
	}
out:
	return rc;
}

static int parse_quantile(struct fu_calibration *c, const struct io_task *task,
			  const struct json_t *obj, struct as_err *e)
{
	const double most = task->kind == IO_VALUE ? (double)FLT_MAX : 1;
	const char *key;
	struct json_t *value;
	void *it = NULL;
	int rc = AS_OK;

	while (io_json_next(obj, &it, &key, &value)) {
		size_t bits;

		TRY(parse_pattern(task, "quantile", key, &bits, e));
		TRY(parse_number(value, "quantile", key, 0, most, &c->quantile[bits], e));
	}
out:
	return rc;
}

static int parse_cases(struct fu_calibration *c, const struct io_task *task,
		       const struct json_t *obj, struct as_err *e)
{
	const char *key;
	struct json_t *value;
	void *it = NULL;
	int rc = AS_OK;

	while (io_json_next(obj, &it, &key, &value)) {
		const double n = io_json_num(value, -1);
		size_t bits;

		TRY(parse_pattern(task, "cases", key, &bits, e));
		if (!(n >= 0 && n <= (double)UINT32_MAX)) {
			return as_fail(e, AS_EFORMAT, "cases \"%s\": want a number of cases", key);
		}
		c->cases[bits] = (uint32_t)n;
	}
out:
	return rc;
}

static int parse_set(struct fu_calibration *c, const struct io_task *task, const struct json_t *obj,
		     struct as_err *e)
{
	int rc;

	TRY(io_json_get_num(obj, "coverage", &c->coverage, e));
	if (!(c->coverage > 0 && c->coverage < 1)) {
		return as_fail(e, AS_EFORMAT, "coverage %g: want between 0 and 1", c->coverage);
	}
	TRY(parse_quantile(c, task, io_json_find(obj, "quantile"), e));
	TRY(parse_cases(c, task, io_json_find(obj, "cases"), e));
out:
	return rc;
}

int fu_calibration_parse(struct fu_calibration *c, const struct io_task *task,
			 const struct json_t *doc, struct as_err *e)
{
	static const struct {
		const char *key;
		int (*parse)(struct fu_calibration *c, const struct io_task *task,
			     const struct json_t *obj, struct as_err *e);
	} members[] = {
		{ "temperature", parse_temperature },
		{ "part_temperature", parse_part_temperature },
		{ "threshold", parse_threshold },
		{ "set", parse_set },
		{ "target", parse_target },
	};
	const char *key;
	struct json_t *value;
	void *it = NULL;
	int rc = AS_OK;

	fu_calibration_defaults(c);
	while (io_json_next(doc, &it, &key, &value)) {
		size_t i = 0;

		while (i < sizeof members / sizeof *members && strcmp(members[i].key, key) != 0) {
			i++;
		}
		if (i == sizeof members / sizeof *members) {
			return as_fail(e, AS_EFORMAT, "unknown member \"%s\"", key);
		}
		if (!io_json_is_obj(value)) {
			return as_fail(e, AS_EFORMAT, "\"%s\" is not an object", key);
		}
		TRY(members[i].parse(c, task, value, e));
	}
out:
	return rc;
}

void fu_pattern_name(const struct io_task *task, size_t bits, struct as_buf *out)
{
	const size_t start = out->len;

	for (size_t m = 0; m < task->parts; m++) {
		if ((bits >> m & 1) != 0) {
			as_buf_printf(out, "%s%s", out->len > start ? "+" : "", task->part[m].name);
		}
	}
	as_buf_puts(out, out->len > start ? "" : NONE);
}

/* One number a pattern; those that are infinite are left out. */
static void write_patterns(const struct io_task *task, const char *name, const float *v,
			   struct io_jw *w)
{
	io_jw_obj(w, name);
	for (size_t bits = 0; bits < (size_t)1 << task->parts; bits++) {
		struct as_buf key = { 0 };

		fu_pattern_name(task, bits, &key);
		if (isfinite(v[bits])) {
			io_jw_float(w, key.data, v[bits]);
		}
		as_buf_free(&key);
	}
	io_jw_end_obj(w);
}

static void write_set(const struct fu_calibration *c, const struct io_task *task, struct io_jw *w)
{
	io_jw_obj(w, "set");
	io_jw_num(w, "coverage", c->coverage);
	write_patterns(task, "quantile", c->quantile, w);
	io_jw_obj(w, "cases");
	for (size_t bits = 0; bits < (size_t)1 << task->parts; bits++) {
		struct as_buf key = { 0 };

		fu_pattern_name(task, bits, &key);
		io_jw_u64(w, key.data, c->cases[bits]);
		as_buf_free(&key);
	}
	io_jw_end_obj(w);
	io_jw_end_obj(w);
}

static void write_temperature(const struct fu_calibration *c, const struct io_task *task,
			      struct io_jw *w)
{
	write_patterns(task, "temperature", c->temperature, w);
	io_jw_obj(w, "part_temperature");
	for (size_t m = 0; m < task->parts; m++) {
		io_jw_float(w, task->part[m].name, c->part_temperature[m]);
	}
	io_jw_end_obj(w);
}

void fu_calibration_write(const struct fu_calibration *c, const struct io_task *task,
			  struct io_jw *w)
{
	io_jw_obj(w, NULL);
	write_temperature(c, task, w);
	io_jw_obj(w, "threshold");
	for (size_t k = 0; k < task->labels; k++) {
		if (has_threshold(task, k)) {
			io_jw_float(w, task->label[k], c->threshold[k]);
		}
	}
	io_jw_end_obj(w);
	if (c->coverage > 0) {
		write_set(c, task, w);
	}
	if (task->kind == IO_VALUE) {
		io_jw_obj(w, "target");
		io_jw_num(w, "mean", c->mean);
		io_jw_num(w, "sd", c->sd);
		io_jw_end_obj(w);
	}
	io_jw_end_obj(w);
}

void fu_calibrate(const struct io_task *task, const float *logits, float temperature, float *p)
{
	if (task->kind == IO_CLASS) {
		nn_softmax(logits, p, task->labels, temperature);
		return;
	}
	for (size_t k = 0; k < task->labels; k++) {
		p[k] = nn_sigmoid(logits[k] / temperature);
	}
}

uint32_t fu_choose(const struct io_task *task, const struct fu_calibration *c, const float *p)
{
	uint32_t best = 0;

	if (task->labels == 2) {
		return p[1] >= c->threshold[1] ? 1 : 0;
	}
	for (uint32_t k = 1; k < task->labels; k++) {
		if (p[k] > p[best]) {
			best = k;
		}
	}
	return best;
}
