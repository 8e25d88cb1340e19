/* SPDX-License-Identifier: Apache-2.0
 * models.c - models as they are served: copied, opened once a fusion thread, counted. */
#include "core/base/buf.h"
#include "daemon/daemon.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MODEL_MAX = 1 << 30, MODE_READ = 0444 };

const struct io_task *dm_model_task(const struct dm_model *m)
{
	return &m->judge[0].task;
}

bool dm_model_needs(const struct dm_model *m, const struct dm_lane *l, uint32_t *dim)
{
	const struct fu_judge *j = &m->judge[0];

	for (size_t i = 0; i < j->task.parts; i++) {
		if (strcmp(j->source[i].modality, l->modality) == 0 &&
		    strcmp(j->source[i].name, l->encoder) == 0 &&
		    strcmp(j->source[i].version, l->version) == 0) {
			*dim = j->source[i].dim;
			return true;
		}
	}
	return false;
}

static void model_free(struct dm_model *m)
{
	for (size_t i = 0; i < m->judges; i++) {
		fu_judge_close(&m->judge[i]);
	}
	free(m->judge);
	free(m->path);
	free(m);
}

/* The file's bytes go to STATE/models under their digest, unless they are there. */
static int copy_model(const struct dm_daemon *d, const char *file, struct dm_model *m,
		      struct as_err *e)
{
	struct as_buf data = { 0 };
	struct as_buf path = { 0 };
	char there[IO_DIGEST_SIZE];
	struct as_err absent;
	int rc;

	TRY(io_read_file(file, MODEL_MAX, &data, e));
	io_digest(data.data, data.len, m->sha256);
	as_buf_printf(&path, "%s/models/%s.safetensors", d->config.daemon.state, m->sha256);
	if (io_digest_file(path.data, there, &absent) != AS_OK || strcmp(there, m->sha256) != 0) {
		rc = io_write_file(path.data, data.data, data.len, MODE_READ, e);
	}
	m->path = path.data;
	path = (struct as_buf){ 0 };
out:
	as_buf_free(&path);
	as_buf_free(&data);
	return rc;
}

static int open_judges(const struct dm_daemon *d, struct dm_model *m, struct as_err *e)
{
	m->judge = as_calloc(d->config.daemon.threads, sizeof *m->judge);
	for (size_t i = 0; i < d->config.daemon.threads; i++) {
		int rc;

		m->judges++;
		rc = fu_judge_open(&m->judge[i], m->path, e);
		if (rc != AS_OK) {
			(void)unlink(m->path);
			return rc;
		}
	}
	return AS_OK;
}

int dm_model_open(struct dm_daemon *d, const char *file, struct dm_model **out, struct as_err *e)
{
	struct dm_model *m = as_calloc(1, sizeof *m);
	int rc;

	*out = NULL;
	TRY(copy_model(d, file, m, e));
	for (struct dm_model *k = d->models; k != NULL; k = k->next) {
		if (strcmp(k->sha256, m->sha256) == 0) {
			k->users++;
			*out = k;
			goto out;
		}
	}
	TRY(open_judges(d, m, e));
	m->users = 1;
	m->next = d->models;
	d->models = m;
	*out = m;
	m = NULL;
	dm_workers_offer(d, d->models);
out:
	if (m != NULL) {
		model_free(m);
	}
	return rc == AS_OK ? AS_OK : as_wrap(e, "model %s", file);
}

void dm_model_use(struct dm_model *m)
{
	m->users++;
}

void dm_model_leave(struct dm_daemon *d, struct dm_model *m)
{
	struct dm_model **at = &d->models;

	if (m == NULL || --m->users > 0) {
		return;
	}
	dm_workers_forget(d, m);
	while (*at != m) {
		at = &(*at)->next;
	}
	*at = m->next;
	model_free(m);
}
