/* SPDX-License-Identifier: Apache-2.0 */
#include "encoders/worker/models.h"

#include "core/base/buf.h"

#include <stdlib.h>
#include <string.h>

void enc_models_init(struct enc_models *l, const struct pl_plugin *plugin,
		     const struct enc_stage_options *o)
{
	*l = (struct enc_models){ .plugin = plugin, .o = o };
}

static void model_free(struct enc_model *m)
{
	pl_encoder_close(&m->encoder);
	free(m->path);
	free(m);
}

void enc_models_free(struct enc_models *l)
{
	for (size_t i = 0; i < l->n; i++) {
		model_free(l->model[i]);
	}
	*l = (struct enc_models){ 0 };
}

struct enc_model *enc_models_find(const struct enc_models *l, const char *sha256)
{
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->model[i]->sha256, sha256) == 0) {
			return l->model[i];
		}
	}
	return NULL;
}

static int check_digest(const char *path, const char *sha256, struct as_err *e)
{
	char digest[IO_DIGEST_SIZE];
	const int rc = io_digest_file(path, digest, e);

	if (rc == AS_OK && strcmp(digest, sha256) != 0) {
		return as_fail(e, AS_EFORMAT, "%s is not the model %s: its digest is %s", path,
			       sha256, digest);
	}
	return rc;
}

static int open_encoder(const struct enc_models *l, struct enc_model *m, struct as_err *e)
{
	size_t n = 0;

	for (size_t i = 0; i < l->o->settings && i < ENC_SETTINGS_MAX; i++) {
		m->setting[n++] = l->o->setting[i];
	}
	m->setting[n++] = (struct pl_setting){ "model", m->path };
	return pl_encoder_open(&m->encoder, l->plugin, m->setting, n, l->o->log, e);
}

int enc_models_add(struct enc_models *l, const char *sha256, const char *path,
		   struct enc_model **out, struct as_err *e)
{
	struct as_buf b = { 0 };
	struct enc_model *m;
	int rc;

	*out = enc_models_find(l, sha256);
	if (*out != NULL) {
		return AS_OK;
	}
	if (l->n == ENC_MODELS_MAX || strlen(sha256) != IO_DIGEST_SIZE - 1 ||
	    strspn(sha256, "0123456789abcdef") != IO_DIGEST_SIZE - 1) {
		return as_fail(e, AS_EPROTO, "model %.70s: no digest, or more than %d models",
			       sha256, ENC_MODELS_MAX);
	}
	m = as_calloc(1, sizeof *m);
	memcpy(m->sha256, sha256, sizeof m->sha256);
	if (l->o->models != NULL) {
		as_buf_printf(&b, "%s/%s.safetensors", l->o->models, sha256);
	} else {
		as_buf_puts(&b, path);
	}
	m->path = b.data;
	TRY(check_digest(m->path, sha256, e));
	TRY(open_encoder(l, m, e));
	l->model[l->n++] = m;
	*out = m;
	m = NULL;
out:
	if (m != NULL) {
		model_free(m);
	}
	return rc;
}

int enc_models_renew(struct enc_models *l, struct enc_model *m, struct as_err *e)
{
	pl_encoder_close(&m->encoder);
	return open_encoder(l, m, e);
}

void enc_models_forget(struct enc_models *l, const char *sha256)
{
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->model[i]->sha256, sha256) == 0) {
			model_free(l->model[i]);
			l->model[i] = l->model[--l->n];
			return;
		}
	}
}
