/* SPDX-License-Identifier: Apache-2.0
 * models.h - the encoders that a worker has: one a model, by the model's digest. */
#ifndef ENC_MODELS_H
#define ENC_MODELS_H

#include "core/io/digest.h"
#include "encoders/worker/stage.h"

enum { ENC_MODELS_MAX = 64 };

struct enc_model {
	char sha256[IO_DIGEST_SIZE];
	char *path;
	struct pl_encoder encoder;
	struct pl_setting setting[ENC_SETTINGS_MAX + 1]; /* the section's, and "model" */
};

struct enc_models {
	const struct pl_plugin *plugin; /* borrowed, as is o */
	const struct enc_stage_options *o;
	struct enc_model *model[ENC_MODELS_MAX];
	size_t n;
};

void enc_models_init(struct enc_models *l, const struct pl_plugin *plugin,
		     const struct enc_stage_options *o);
void enc_models_free(struct enc_models *l);

struct enc_model *enc_models_find(const struct enc_models *l, const char *sha256); /* NULL: none */
/* Makes the encoder of a model, or finds the one there is. The file's digest must be sha256:
 * AS_EFORMAT, or what opening the file or the encoder failed with. */
int enc_models_add(struct enc_models *l, const char *sha256, const char *path,
		   struct enc_model **out, struct as_err *e) AS_CHECKED;
/* Another encoder in place of a broken one. */
int enc_models_renew(struct enc_models *l, struct enc_model *m, struct as_err *e) AS_CHECKED;
void enc_models_forget(struct enc_models *l, const char *sha256);

#endif
