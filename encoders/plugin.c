/* SPDX-License-Identifier: Apache-2.0
 * plugin.c - a built-in encoder as a plugin. Compiled once a kind, with ENC_KIND (enc_text_kind)
 * and ENC_HEADER ("encoders/text/text.h"): the kind that training works through serves as well,
 * so features are the same bits in both. */
#include ENC_HEADER

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/io/csv.h"
#include "core/io/model.h"
#include "core/nn/team.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENC_PASTE(kind, what)  kind##what
#define ENC_MEMBER(kind, what) ENC_PASTE(kind, what)

enum {
	MEM_BASE = 64 << 20, /* attention scores of 1,024 tokens, the image's stem */
	THREADS_MAX = 64,
};

struct assay_encoder {
	const struct assay_host *host;
	struct io_task task;
	struct json_t *statistics;
	struct nn_params params;
	struct as_arena mem;  /* of the item in hand */
	struct nn_team *team; /* threads that share it; NULL: the caller alone */
	void *enc;
	struct as_err *why; /* [whys] of the last call's items */
	size_t whys;
};

static void encoder_destroy(struct assay_encoder *p)
{
	if (p == NULL) {
		return;
	}
	nn_team_close(p->team);
	ENC_KIND.close(p->enc);
	io_json_free(p->statistics);
	nn_params_free(&p->params);
	as_arena_free(&p->mem);
	io_task_free(&p->task);
	free(p->why);
	free(p);
}

/* What one pass over the largest item that is not refused may take: addresses, not memory. */
static size_t most_bytes(const struct io_hyper *h)
{
	const size_t side = h->image_size / IO_STRIDE;
	const size_t cells = (size_t)h->table_cells + IO_COLUMNS_MAX;
	const size_t words = h->text_words;
	const size_t tokens = side * side + (cells > words ? cells : words);
	const size_t floats = (24UL + 2UL * h->mlp) * h->width + 4UL * h->text_embed;

	return MEM_BASE + tokens * floats * sizeof(float);
}

/* Task, statistics, weights of an opened file. */
static int read_model(struct assay_encoder *p, const struct io_model *m, struct as_err *e)
{
	struct json_t *task = NULL;
	char prefix[IO_NAME_SIZE + 1];
	struct as_rng rng;
	int rc;

	TRY(io_model_meta(m, "task", &task, e));
	TRY(io_task_parse(&p->task, task, e));
	if (io_json_find_str(m->meta, "statistics", NULL) != NULL) {
		TRY(io_model_meta(m, "statistics", &p->statistics, e));
	}
	TRY(ENC_KIND.open(&p->enc, &p->params, &p->task, p->statistics, e));
	as_rng_seed(&rng, 0, 0);
	nn_params_start(&p->params, &rng);
	(void)snprintf(prefix, sizeof prefix, "%s.", ENC_KIND.modality);
	TRY(io_model_bind(m, &p->params, prefix, e));
	nn_params_serve(&p->params);
	TRY(as_arena_init(&p->mem, "encoder", most_bytes(&p->task.hyper), e));
out:
	io_json_free(task);
	return rc;
}

/* A number of the encoder's section, as it was where the section does not say it. */
static int read_number(struct assay_encoder *p, const char *key, uint64_t max, uint64_t *n,
		       struct as_err *e)
{
	const char *value = p->host->config(p->host->ctx, key);
	char *end;

	if (value == NULL) {
		return AS_OK;
	}
	*n = strtoull(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || *n < 1 || *n > max) {
		return as_fail(e, AS_ECONFIG, "%s: want 1 to %" PRIu64 ", got \"%.40s\"", key, max,
			       value);
	}
	return AS_OK;
}

/* The limits that the encoder's section sets, and how many threads share an item. */
static int read_section(struct assay_encoder *p, struct as_err *e)
{
	uint64_t threads = 1;
	int rc = AS_OK;

	for (size_t i = 0; i < ENC_KIND.limits && rc == AS_OK; i++) {
		const struct enc_limit *l = &ENC_KIND.limit[i];
		char key[2 * IO_NAME_SIZE];
		uint64_t most = 0;

		(void)snprintf(key, sizeof key, "%s.%s", ENC_KIND.modality, l->name);
		rc = read_number(p, key, l->max, &most, e);
		if (rc == AS_OK && most > 0) {
			ENC_KIND.set_limit(p->enc, i, most);
		}
	}
	if (rc == AS_OK) {
		rc = read_number(p, "threads", THREADS_MAX, &threads, e);
	}
	return rc == AS_OK ? nn_team_open(&p->team, threads, most_bytes(&p->task.hyper), e) : rc;
}

static int encoder_create(const struct assay_host *host, struct assay_encoder **out, char *why,
			  size_t why_len)
{
	const char *path = host->config(host->ctx, "model");
	struct assay_encoder *p = as_calloc(1, sizeof *p);
	struct io_model m = { 0 };
	struct as_err e = { 0 };
	int rc;

	*out = NULL;
	p->host = host;
	if (path == NULL) {
		rc = as_fail(&e, AS_ECONFIG, "model: this encoder serves a model and none is set");
		goto out;
	}
	TRY(io_model_open(&m, path, &e));
	rc = read_model(p, &m, &e);
	if (rc != AS_OK) {
		(void)as_wrap(&e, "%s", path);
		goto out;
	}
	TRY(read_section(p, &e));
out:
	io_model_close(&m);
	if (rc != AS_OK) {
		(void)snprintf(why, why_len, "%s", e.msg);
		encoder_destroy(p);
		return ASSAY_BAD_CONFIG;
	}
	*out = p;
	return ASSAY_DONE;
}

static void encoder_shape(const struct assay_encoder *p, uint32_t *dim, uint32_t *rows_max)
{
	*dim = p->task.hyper.width;
	*rows_max = ENC_ROWS_MAX;
}

static bool all_finite(const float *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!isfinite(v[i])) {
			return false;
		}
	}
	return true;
}

static int encode_one(struct assay_encoder *p, const struct assay_item *item,
		      struct assay_features *out, struct as_err *e)
{
	const struct nn_step step = { .p = p->params.v, .mem = &p->mem, .team = p->team };
	struct enc_input in;
	void *act;
	int rc = ENC_KIND.prepare(p->enc, item, &in, e);

	out->rows = 0;
	out->limit = in.limit;
	if (p->host->size >= offsetof(struct assay_host, decoded) + sizeof p->host->decoded &&
	    p->host->decoded != NULL) {
		p->host->decoded(p->host->ctx);
	}
	if (rc == AS_OK) {
		ENC_KIND.fwd(p->enc, &step, &in, out->v, &act);
		as_arena_reset(&p->mem, 0);
		if (!all_finite(out->v, in.rows * out->dim)) {
			rc = as_fail(e, AS_EFORMAT, "part \"%s\": features are not numbers",
				     item->part);
		} else {
			out->rows = (uint32_t)in.rows;
			memcpy(out->place, in.place, in.rows * sizeof *in.place);
		}
	}
	if (in.replaced > 0) {
		char line[128];

		(void)snprintf(line, sizeof line, "part=%s replaced_bytes=%" PRIu64, item->part,
			       in.replaced);
		p->host->log(p->host->ctx, ASSAY_DEBUG, "ENC-UTF8", line);
	}
	ENC_KIND.input_free(&in);
	return rc;
}

static int encoder_encode(struct assay_encoder *p, const struct assay_item *items,
			  struct assay_features *out, uint32_t n)
{
	if (n > p->whys) {
		p->why = as_realloc(p->why, n, sizeof *p->why);
		p->whys = n;
	}
	for (uint32_t i = 0; i < n; i++) {
		out[i].why = NULL;
		if (encode_one(p, &items[i], &out[i], &p->why[i]) != AS_OK) {
			out[i].why = p->why[i].msg;
		}
	}
	return ASSAY_DONE;
}

const struct assay_plugin assay_plugin_entry = {
	.abi_major = ASSAY_ABI_MAJOR,
	.abi_minor = ASSAY_ABI_MINOR,
	.size = sizeof(struct assay_plugin),
	.modality = ENC_MEMBER(ENC_KIND, _name),
	.name = ENC_MEMBER(ENC_KIND, _name),
	.version = ENC_MEMBER(ENC_KIND, _version),
	.create = encoder_create,
	.destroy = encoder_destroy,
	.shape = encoder_shape,
	.encode = encoder_encode,
};
