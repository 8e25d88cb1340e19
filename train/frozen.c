/* SPDX-License-Identifier: Apache-2.0 */
#include "train/frozen.h"

#include "train/encoders.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIM_MAX = 1 << 16, ROWS_MAX = 4096 };

static int open_plugin(struct tr_frozen *f, const char *path, struct as_err *e)
{
	int rc;

	f->log = (struct as_log){ .fd = STDERR_FILENO, .level = AS_WARN, .who = "assay" };
	TRY(pl_load(&f->plugin, path, e));
	TRY(pl_encoder_open(&f->encoder, &f->plugin, NULL, 0, &f->log, e));
out:
	return rc;
}

static int copy(char out[IO_NAME_SIZE], const char *what, const char *value, struct as_err *e)
{
	if (strlen(value) >= IO_NAME_SIZE) {
		return as_fail(e, AS_EFORMAT, "%s \"%.60s\" is longer than %d bytes", what, value,
			       IO_NAME_SIZE - 1);
	}
	memcpy(out, value, strlen(value) + 1);
	return AS_OK;
}

static int set_source(struct fu_source *s, const char *modality, const char *name,
		      const char *version, struct as_err *e)
{
	int rc;

	s->frozen = true;
	TRY(copy(s->modality, "modality", modality, e));
	TRY(copy(s->name, "name", name, e));
	TRY(copy(s->version, "version", version, e));
out:
	return rc;
}

/* Whether features of this source may stand where want was trained. */
static int check_source(const struct fu_source *want, const struct fu_source *got, struct as_err *e)
{
	if (strcmp(want->modality, got->modality) != 0 || strcmp(want->name, got->name) != 0 ||
	    strcmp(want->version, got->version) != 0 || want->dim != got->dim) {
		return as_fail(e, AS_ESHAPE,
			       "features of %s encoder %s, version %s, dim %" PRIu32
			       ": want %s encoder %s, version %s, dim %" PRIu32,
			       got->modality, got->name, got->version, got->dim, want->modality,
			       want->name, want->version, want->dim);
	}
	return AS_OK;
}

static int open_part(struct tr_frozen *f, const struct io_task *task, const struct tr_origin *o,
		     size_t m, const struct fu_source *want, struct as_err *e)
{
	const struct io_part_spec *part = &task->part[m];
	const struct assay_plugin *p = f->plugin.entry;
	const bool plugged = p != NULL && strcmp(p->modality, part->modality) == 0;
	const struct enc_kind *kind = tr_kind_of(part->modality);
	int rc = AS_OK;

	f->part[m] = want != NULL ? want->frozen : plugged || kind == NULL;
	if (!f->part[m]) {
		return AS_OK;
	}
	if (!plugged && o->features == NULL && !o->unused[m]) {
		return as_fail(e, AS_EUSAGE,
			       "part %s: features of modality %s come from elsewhere: give "
			       "--plugin FILE.so or --features DIR",
			       part->name, part->modality);
	}
	f->source[m].frozen = true;
	if (plugged) {
		f->source[m].dim = f->encoder.dim;
		TRY(set_source(&f->source[m], p->modality, p->name, p->version, e));
		TRY(want != NULL ? check_source(want, &f->source[m], e) : AS_OK);
	} else if (want != NULL) {
		f->source[m] = *want;
	}
out:
	return rc == AS_OK ? rc : as_wrap(e, "part %s", part->name);
}

int tr_frozen_open(struct tr_frozen *f, const struct io_task *task, const struct tr_origin *o,
		   const struct fu_source *want, struct as_err *e)
{
	int rc = AS_OK;

	*f = (struct tr_frozen){ .features = o->features };
	if (o->plugin != NULL) {
		TRY(open_plugin(f, o->plugin, e));
	}
	for (size_t m = 0; m < task->parts; m++) {
		TRY(open_part(f, task, o, m, want != NULL ? &want[m] : NULL, e));
	}
out:
	return rc;
}

void tr_frozen_close(struct tr_frozen *f)
{
	pl_encoder_close(&f->encoder);
	*f = (struct tr_frozen){ 0 };
}

static int by_plugin(struct tr_frozen *f, const struct assay_item *item, struct tr_rows *rows,
		     const char **limit, struct as_err *e)
{
	struct assay_features out;
	int rc;

	*limit = NULL;
	rc = pl_encode(&f->encoder, item, &out, e);
	if (rc != AS_OK) {
		*limit = rc == AS_EFORMAT ? out.limit : NULL;
		return rc;
	}
	rows->rows = out.rows;
	rows->dim = f->encoder.dim;
	rows->v = as_malloc(sizeof *rows->v * out.rows * rows->dim);
	rows->place = as_malloc(sizeof *rows->place * out.rows);
	memcpy(rows->v, out.v, sizeof *rows->v * out.rows * rows->dim);
	memcpy(rows->place, out.place, sizeof *rows->place * out.rows);
	return AS_OK;
}

/* What the file's metadata says of its encoder; without any the modality stands for the name. */
static int file_source(const struct io_model *m, const char *modality, struct fu_source *s,
		       struct as_err *e)
{
	const char *name = io_json_find_str(m->meta, "name", NULL);

	if (name == NULL) {
		name = io_json_find_str(m->meta, "encoder", modality);
	}
	return set_source(s, io_json_find_str(m->meta, "modality", modality), name,
			  io_json_find_str(m->meta, "version", "1"), e);
}

static int copy_tensor(const struct io_model *m, struct tr_rows *rows, struct as_err *e)
{
	const struct io_tensor *t = io_model_find(m, "v");

	if (t == NULL || strcmp(t->dtype, "F32") != 0 || t->dims != 2 || t->shape[0] == 0 ||
	    t->shape[0] > ROWS_MAX || t->shape[1] == 0 || t->shape[1] > DIM_MAX) {
		return as_fail(e, AS_ESHAPE,
			       "%s: want tensor v, F32, [1 to %d rows, 1 to %d columns]", m->path,
			       ROWS_MAX, DIM_MAX);
	}
	rows->rows = (uint32_t)t->shape[0];
	rows->dim = (uint32_t)t->shape[1];
	rows->v = as_malloc(t->size);
	memcpy(rows->v, t->data, t->size);
	rows->place = as_calloc(rows->rows, sizeof *rows->place);
	for (size_t i = 0; i < (size_t)rows->rows * rows->dim; i++) {
		if (!isfinite(rows->v[i])) {
			return as_fail(e, AS_EFORMAT, "%s: v[%zu] is not a finite number", m->path,
				       i);
		}
	}
	return AS_OK;
}

static int by_file(struct tr_frozen *f, const struct io_task *task, const char *id, size_t part,
		   struct tr_rows *rows, struct as_err *e)
{
	const struct io_part_spec *spec = &task->part[part];
	struct io_model m = { 0 };
	struct fu_source got = { 0 };
	struct as_buf path = { 0 };
	int rc;

	if (strchr(id, '/') != NULL) {
		return as_fail(e, AS_EFORMAT, "case %s: a slash cannot stand in a file's name", id);
	}
	as_buf_printf(&path, "%s/%s.%s.safetensors", f->features, id, spec->name);
	TRY(io_model_open(&m, path.data, e));
	TRY(copy_tensor(&m, rows, e));
	TRY(file_source(&m, spec->modality, &got, e));
	got.dim = rows->dim;
	if (f->source[part].dim == 0) {
		f->source[part] = got;
	}
	rc = check_source(&f->source[part], &got, e);
	if (rc != AS_OK) {
		rc = as_wrap(e, "%s", path.data);
	}
out:
	io_model_close(&m);
	as_buf_free(&path);
	return rc;
}

int tr_frozen_encode(struct tr_frozen *f, const struct io_task *task, const char *id,
		     const struct assay_item *item, size_t part, struct tr_rows *rows,
		     const char **limit, struct as_err *e)
{
	const bool plugged = f->plugin.entry != NULL &&
			     strcmp(f->plugin.entry->modality, task->part[part].modality) == 0;

	*limit = NULL;
	*rows = (struct tr_rows){ 0 };
	if (!plugged && item->page > 0) {
		return as_fail(e, AS_EFORMAT, "part %s: features are read from one file a part",
			       task->part[part].name);
	}
	return plugged ? by_plugin(f, item, rows, limit, e) : by_file(f, task, id, part, rows, e);
}

void tr_rows_free(struct tr_rows *rows)
{
	free(rows->v);
	free(rows->place);
	*rows = (struct tr_rows){ 0 };
}
