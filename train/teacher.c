/* SPDX-License-Identifier: Apache-2.0 */
#include "train/teacher.h"

#include "core/io/model.h"

#include <string.h>

static int read_record(struct tr_teacher *t, const struct json_t *record, struct as_err *e)
{
	const struct json_t *data = io_json_find(record, "data");
	const char *digest = io_json_find_str(data, "sha256", "");

	if (t->reader.judge.task.hyper.spans == 1) {
		return as_fail(e, AS_EUSAGE,
			       "it has learned spans, which are not cut: train with spans = 0");
	}
	if (io_json_find(t->reader.statistics, "pruned") != NULL) {
		return as_fail(e, AS_EUSAGE, "it is a student already: compress its teacher");
	}
	if (strlen(digest) != sizeof t->digest - 1) {
		return as_fail(e, AS_EUSAGE,
			       "its record does not say on which table it was "
			       "trained");
	}
	memcpy(t->digest, digest, sizeof t->digest);
	t->skipped = io_json_find_u64(data, "skipped", 0) > 0;
	t->seed = io_json_find_u64(record, "seed", 0);
	t->cases = io_json_find_u64(data, "cases", 0);
	t->folds = io_json_find_u64(record, "folds", 0);
	t->based = io_json_find(record, "from_sha256") != NULL ||
		   io_json_find(record, "pretrained") != NULL;
	if (t->folds > 0 && (t->folds < TR_FOLDS_MIN || t->folds > TR_FOLDS_MAX)) {
		return as_fail(e, AS_EFORMAT, "its record names %zu folds", t->folds);
	}
	return AS_OK;
}

int tr_teacher_open(struct tr_teacher *t, const char *path, struct as_err *e)
{
	struct io_model m = { 0 };
	struct json_t *record = NULL;
	int rc;

	*t = (struct tr_teacher){ 0 };
	TRY(tr_reader_open(&t->reader, path, NULL, e));
	TRY(io_model_open(&m, path, e));
	TRY(io_model_meta(&m, "training", &record, e));
	t->bytes = m.file.size;
	as_buf_puts(&t->statistics, io_json_find_str(m.meta, "statistics", "{}"));
	rc = read_record(t, record, e);
	if (rc != AS_OK) {
		rc = as_wrap(e, "%s", path);
	}
out:
	io_json_free(record);
	io_model_close(&m);
	return rc;
}

void tr_teacher_close(struct tr_teacher *t)
{
	tr_reader_close(&t->reader);
	as_buf_free(&t->statistics);
	*t = (struct tr_teacher){ 0 };
}

int tr_teacher_check(const struct tr_teacher *t, const struct tr_data *d, struct as_err *e)
{
	if (strcmp(t->digest, d->digest) != 0 || t->cases != d->n) {
		return as_fail(e, AS_EUSAGE,
			       "--data %s: not the table that the teacher was trained on: sha256 "
			       "%.12s, %zu cases; it had %.12s, %zu",
			       d->path, d->digest, d->n, t->digest, (size_t)t->cases);
	}
	return AS_OK;
}
