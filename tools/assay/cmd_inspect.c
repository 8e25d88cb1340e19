/* SPDX-License-Identifier: Apache-2.0
 * cmd_inspect.c - assay inspect FILE.safetensors: what a model file holds. Any safetensors file
 * will do; what assay's own metadata says is shown where it is there. */
#include "core/io/model.h"
#include "core/io/task.h"
#include "tools/assay/cmd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers in a tensor. */
static size_t count(const struct io_tensor *t)
{
	size_t n = 1;

	for (size_t d = 0; d < t->dims; d++) {
		n *= t->shape[d];
	}
	return n;
}

static size_t count_all(const struct io_model *m, size_t *bytes)
{
	size_t n = 0;

	*bytes = 0;
	for (size_t i = 0; i < m->tensors; i++) {
		n += count(&m->tensor[i]);
		*bytes += m->tensor[i].size;
	}
	return n;
}

static void print_tensors(const struct io_model *m)
{
	size_t wide = 6;

	for (size_t i = 0; i < m->tensors; i++) {
		const size_t n = strlen(m->tensor[i].name);

		wide = n > wide ? n : wide;
	}
	wide = wide > 64 ? 64 : wide;
	printf("\n%-*s  %-5s %12s  %s\n", (int)wide, "tensor", "type", "weights", "shape");
	for (size_t i = 0; i < m->tensors; i++) {
		const struct io_tensor *t = &m->tensor[i];

		printf("%-*s  %-5s %12zu  [", (int)wide, t->name, t->dtype, count(t));
		for (size_t d = 0; d < t->dims; d++) {
			printf("%s%zu", d > 0 ? ", " : "", t->shape[d]);
		}
		printf("]\n");
	}
}

static void print_part(const struct io_part_spec *p)
{
	printf("%-10s%s: %s%s, %s", "part", p->name, p->modality, p->sheet ? " sheet" : "",
	       p->columns == 1 ? "column" : "columns");
	for (size_t i = 0; i < p->columns; i++) {
		printf("%s %s", i > 0 ? "," : "", p->column[i].name);
	}
	if (p->repeat > 1) {
		printf(" (up to %u pages)", p->repeat);
	}
	printf("\n");
}

static void print_task(const struct io_task *t)
{
	printf("%-10s%s: %s, target %s\n", "task", t->name, io_kind_name(t->kind), t->target);
	if (t->labels > 0) {
		printf("%-10s", "labels");
		for (size_t k = 0; k < t->labels; k++) {
			printf("%s%s", k > 0 ? ", " : "", t->label[k]);
		}
		printf("%s\n", t->kind == IO_CLASS && t->labels == 2 ? " (positive)" : "");
	}
	for (size_t p = 0; p < t->parts; p++) {
		print_part(&t->part[p]);
	}
	printf("%-10s%u wide, %u heads, %s attention; text %u words in %u rows, image %u px%s, %u "
	       "channels\n",
	       "sizes", t->hyper.width, t->hyper.heads, t->hyper.gates ? "dynamic" : "plain",
	       t->hyper.text_words, t->hyper.text_buckets, t->hyper.image_size,
	       t->hyper.image_colour ? " in colour" : "", t->hyper.image_channels);
}

static void print_value(const char *key, const struct json_t *v, int depth);

enum { SHOWN = 12 }; /* items of a list */

static void print_object(const struct json_t *o, int depth);

/* Whether an object holds nothing but numbers and texts. */
static bool is_flat(const struct json_t *o)
{
	void *it = NULL;
	const char *key;
	struct json_t *v;

	while (io_json_next(o, &it, &key, &v)) {
		if (io_json_is_obj(v) || io_json_is_arr(v)) {
			return false;
		}
	}
	return true;
}

/* A list of objects: flat ones (a curve) as a line for each member, others (runs) one by one. */
static void print_objects(const char *key, const struct json_t *list, int depth)
{
	const size_t n = io_json_len(list);
	void *it = NULL;
	const char *member;
	struct json_t *v;

	if (!is_flat(io_json_at(list, 0))) {
		for (size_t i = 0; i < n; i++) {
			printf("%*s%s %zu\n", 2 * depth, "", key, i + 1);
			print_object(io_json_at(list, i), depth + 1);
		}
		return;
	}
	printf("%*s%s\n", 2 * depth, "", key);
	while (io_json_next(io_json_at(list, 0), &it, &member, &v)) {
		printf("%*s%s", 2 * depth + 2, "", member);
		for (size_t i = 0; i < n && i < SHOWN; i++) {
			const char *s = io_json_find_str(io_json_at(list, i), member, NULL);

			if (s != NULL) {
				printf(" %s", s);
			} else {
				printf(" %.4g", io_json_find_num(io_json_at(list, i), member, 0));
			}
		}
		printf("%s\n", n > SHOWN ? " ..." : "");
	}
}

static void print_list(const char *key, const struct json_t *v, int depth)
{
	const size_t n = io_json_len(v);

	if (n > 0 && io_json_is_obj(io_json_at(v, 0))) {
		print_objects(key, v, depth);
		return;
	}
	printf("%*s%s ", 2 * depth, "", key);
	for (size_t i = 0; i < n && i < SHOWN; i++) {
		const struct json_t *item = io_json_at(v, i);
		const char *s = io_json_str(item);

		if (io_json_is_obj(item) || io_json_is_arr(item)) {
			printf("%s[%zu]", i > 0 ? " " : "", io_json_len(item));
		} else if (s != NULL) {
			printf("%s%s", i > 0 ? ", " : "", s);
		} else {
			printf("%s%.6g", i > 0 ? " " : "", io_json_num(item, 0));
		}
	}
	printf("%s\n", n > SHOWN ? " ..." : "");
}

static void print_object(const struct json_t *o, int depth)
{
	void *it = NULL;
	const char *key;
	struct json_t *v;

	while (io_json_next(o, &it, &key, &v)) {
		if (io_json_find_bool(o, key, false)) {
			printf("%*s%s yes\n", 2 * depth, "", key);
		} else {
			print_value(key, v, depth);
		}
	}
}

static void print_value(const char *key, const struct json_t *v, int depth)
{
	const char *s = io_json_str(v);

	if (io_json_is_obj(v)) {
		printf("%*s%s\n", 2 * depth, "", key);
		print_object(v, depth + 1);
	} else if (io_json_is_arr(v)) {
		print_list(key, v, depth);
	} else if (s != NULL) {
		printf("%*s%s %s\n", 2 * depth, "", key, s);
	} else {
		printf("%*s%s %.9g\n", 2 * depth, "", key, io_json_num(v, 0));
	}
}

/* One metadata entry: an object where it holds one, else its text. */
static void print_meta(const struct io_model *m, const char *key, const char *text)
{
	struct json_t *doc = NULL;
	struct as_err e;

	printf("\n%s\n", key);
	if (io_model_meta(m, key, &doc, &e) == AS_OK) {
		print_object(doc, 1);
	} else {
		printf("  %.400s%s\n", text ? text : "", text && strlen(text) > 400 ? " ..." : "");
	}
	io_json_free(doc);
}

static void print_metadata(const struct io_model *m, bool ours)
{
	void *it = NULL;
	const char *key;
	struct json_t *v;

	while (m->meta != NULL && io_json_next(m->meta, &it, &key, &v)) {
		if (!ours || (strcmp(key, "task") != 0 && strcmp(key, "format") != 0)) {
			print_meta(m, key, io_json_str(v));
		}
	}
}

/* Whether the file is one of assay's models; then t is its task. */
static int read_task(const struct io_model *m, struct io_task *t, bool *ours, struct as_err *e)
{
	const char *format = io_json_find_str(m->meta, "format", "");
	struct json_t *doc = NULL;
	int rc = AS_OK;

	*ours = strncmp(format, "assay-", 6) == 0;
	if (!*ours) {
		return AS_OK;
	}
	if (strcmp(format, "assay-model-1") != 0 && strcmp(format, "assay-base-1") != 0) {
		return as_fail(e, AS_EFORMAT, "%s: format %.40s is not known; want assay-model-1",
			       m->path, format);
	}
	TRY(io_model_meta(m, "task", &doc, e));
	rc = io_task_parse(t, doc, e);
	if (rc != AS_OK) {
		rc = as_wrap(e, "%s", m->path);
	}
out:
	io_json_free(doc);
	return rc;
}

static void print_text(const struct io_model *m, const struct io_task *t, bool ours)
{
	size_t bytes;
	const size_t weights = count_all(m, &bytes);

	printf("%-10s%s\n", "file", m->path);
	printf("%-10s%s\n", "sha256", m->sha256);
	printf("%-10s%zu in %zu tensors, %zu bytes\n", "weights", weights, m->tensors, bytes);
	if (ours) {
		print_task(t);
	}
	print_metadata(m, ours);
	print_tensors(m);
}

static void write_meta(const struct io_model *m, struct io_jw *w)
{
	void *it = NULL;
	const char *key;
	struct json_t *v;

	io_jw_obj(w, "metadata");
	while (m->meta != NULL && io_json_next(m->meta, &it, &key, &v)) {
		struct json_t *doc = NULL;
		struct as_err e;

		if (io_model_meta(m, key, &doc, &e) == AS_OK) {
			io_jw_raw(w, key, io_json_str(v));
		} else {
			io_jw_str(w, key, io_json_str(v));
		}
		io_json_free(doc);
	}
	io_jw_end_obj(w);
}

static void print_json(const struct io_model *m)
{
	struct as_buf out = { 0 };
	struct io_jw w = { .b = &out };
	size_t bytes;

	io_jw_obj(&w, NULL);
	io_jw_str(&w, "file", m->path);
	io_jw_str(&w, "sha256", m->sha256);
	io_jw_u64(&w, "weights", count_all(m, &bytes));
	io_jw_u64(&w, "bytes", bytes);
	write_meta(m, &w);
	io_jw_arr(&w, "tensors");
	for (size_t i = 0; i < m->tensors; i++) {
		const struct io_tensor *t = &m->tensor[i];

		io_jw_obj(&w, NULL);
		io_jw_str(&w, "name", t->name);
		io_jw_str(&w, "dtype", t->dtype);
		io_jw_arr(&w, "shape");
		for (size_t d = 0; d < t->dims; d++) {
			io_jw_u64(&w, NULL, t->shape[d]);
		}
		io_jw_end_arr(&w);
		io_jw_u64(&w, "weights", count(t));
		io_jw_end_obj(&w);
	}
	io_jw_end_arr(&w);
	io_jw_end_obj(&w);
	puts(out.data);
	as_buf_free(&out);
}

static int inspect(void *options, const char *path, struct as_err *e)
{
	const bool json = *(const bool *)options;
	struct io_model m = { 0 };
	struct io_task t = { 0 };
	bool ours = false;
	int rc;

	TRY(io_model_open(&m, path, e));
	TRY(read_task(&m, &t, &ours, e));
	if (json) {
		print_json(&m);
	} else {
		print_text(&m, &t, ours);
	}
out:
	io_task_free(&t);
	io_model_close(&m);
	return rc;
}

int cmd_inspect(int argc, char **argv)
{
	bool json = false;
	const struct cmd_option option[] = {
		{ "json", NULL, "one JSON object instead of text", CMD_FLAG, &json, 0, 0 },
	};
	const struct cmd_spec spec = {
		"inspect",
		"FILE.safetensors [options]",
		"Digest, task, parts, labels, weights, calibration and training record of a "
		"model;\n"
		"digest, tensors and metadata of any other safetensors file.\n",
		option,
		sizeof option / sizeof *option,
		1,
		1,
	};

	return cmd_run(&spec, argc, argv, inspect, &json);
}
