/* SPDX-License-Identifier: Apache-2.0 */
#include "plugins/host.h"

#include "core/base/buf.h"
#include "core/base/clock.h"

#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* Bytes of struct assay_plugin that ABI 1.0 defined: the least a plugin may offer. */
	ENTRY_MIN = offsetof(struct assay_plugin, encode) + sizeof(void (*)(void)),
	NAME_MAX_BYTES = 40,
	DIM_MAX = 1 << 16,
	ROWS_MAX = 1 << 12,
	FLOATS_MAX = 1 << 24, /* rows_max * dim: 64 MiB */
	WHY_SIZE = 256,
};

static int check_name(const char *value, const char *field, const char *path, struct as_err *e)
{
	const size_t n = value ? strlen(value) : 0;

	if (n == 0 || n > NAME_MAX_BYTES ||
	    strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789._-") != n) {
		return as_fail(e, AS_EFORMAT, "%s: %s \"%.60s\": want 1 to %d of [a-z0-9._-]", path,
			       field, value ? value : "", NAME_MAX_BYTES);
	}
	return AS_OK;
}

int pl_check(const struct assay_plugin *entry, const char *path, struct as_err *e)
{
	int rc;

	if (entry->abi_major != ASSAY_ABI_MAJOR) {
		return as_fail(e, AS_EFORMAT, "%s speaks plugin ABI %u, this host %u", path,
			       entry->abi_major, ASSAY_ABI_MAJOR);
	}
	if (entry->size < ENTRY_MIN) {
		return as_fail(e, AS_EFORMAT, "%s: an entry of %u bytes, at least %d needed", path,
			       entry->size, (int)ENTRY_MIN);
	}
	if (!entry->create || !entry->destroy || !entry->shape || !entry->encode) {
		return as_fail(e, AS_EFORMAT, "%s: a required function of the entry is NULL", path);
	}
	TRY(check_name(entry->modality, "modality", path, e));
	TRY(check_name(entry->name, "name", path, e));
	TRY(check_name(entry->version, "version", path, e));
out:
	return rc;
}

int pl_load(struct pl_plugin *p, const char *path, struct as_err *e)
{
	*p = (struct pl_plugin){ 0 };
	p->dso = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (p->dso == NULL) {
		return as_fail(e, AS_ENOINPUT, "plugin %s: %s", path, dlerror());
	}
	p->entry = dlsym(p->dso, "assay_plugin_entry");
	if (p->entry == NULL) {
		return as_fail(e, AS_EFORMAT, "%s exports no assay_plugin_entry", path);
	}
	return pl_check(p->entry, path, e);
}

static const enum as_level levels[] = {
	[ASSAY_DEBUG] = AS_DEBUG,
	[ASSAY_INFO] = AS_INFO,
	[ASSAY_WARN] = AS_WARN,
	[ASSAY_ERROR] = AS_ERROR,
};

static const char *get_setting(void *ctx, const char *key)
{
	const struct pl_encoder *c = ctx;

	for (size_t i = 0; i < c->settings; i++) {
		if (strcmp(c->setting[i].key, key) == 0) {
			return c->setting[i].value;
		}
	}
	return NULL;
}

static void pass_log(void *ctx, enum assay_level level, const char *id, const char *msg)
{
	const struct pl_encoder *c = ctx;

	as_log(c->log, (unsigned)level <= ASSAY_ERROR ? levels[level] : AS_ERROR, id,
	       "plugin=%s %s", c->entry->name, msg);
}

static void take_decoded(void *ctx)
{
	struct pl_encoder *c = ctx;

	c->decoded = as_mono_ns();
}

struct pl_spent pl_encoder_spent(const struct pl_encoder *c)
{
	const int64_t now = as_mono_ns();
	const int64_t decoded = c->decoded ? c->decoded : c->started;

	return (struct pl_spent){ .decode = (double)(decoded - c->started) / 1e6,
				  .encode = (double)(now - decoded) / 1e6 };
}

int pl_encoder_open(struct pl_encoder *c, const struct pl_plugin *p,
		    const struct pl_setting *setting, size_t settings, const struct as_log *log,
		    struct as_err *e)
{
	char why[WHY_SIZE] = "";
	const struct assay_plugin *entry = p->entry;

	*c = (struct pl_encoder){
		.entry = entry,
		.host = { .size = sizeof c->host,
			  .abi_minor = ASSAY_ABI_MINOR,
			  .ctx = c,
			  .config = get_setting,
			  .log = pass_log,
			  .decoded = take_decoded },
		.setting = setting,
		.settings = settings,
		.log = log,
	};
	if (entry->create(&c->host, &c->state, why, sizeof why) != ASSAY_DONE || !c->state) {
		why[sizeof why - 1] = '\0';
		(void)as_fail(e, AS_ECONFIG, "plugin %s %s: %s", entry->name, entry->version,
			      why[0] ? why : "refused without a reason");
		pl_encoder_close(c);
		return e->code;
	}
	entry->shape(c->state, &c->dim, &c->rows_max);
	if (c->dim == 0 || c->dim > DIM_MAX || c->rows_max == 0 || c->rows_max > ROWS_MAX ||
	    (size_t)c->dim * c->rows_max > FLOATS_MAX) {
		(void)as_fail(
		    e, AS_ESHAPE,
		    "plugin %s %s: rows of %u, at most %u of them: out of bounds (%d, %d)",
		    entry->name, entry->version, c->dim, c->rows_max, DIM_MAX, ROWS_MAX);
		pl_encoder_close(c);
		return e->code;
	}
	c->v = as_calloc((size_t)c->dim * c->rows_max, sizeof *c->v);
	c->place = as_calloc(c->rows_max, sizeof *c->place);
	return AS_OK;
}

void pl_encoder_close(struct pl_encoder *c)
{
	if (c->entry != NULL) {
		c->entry->destroy(c->state);
	}
	free(c->v);
	free(c->place);
	*c = (struct pl_encoder){ 0 };
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

int pl_encode(struct pl_encoder *c, const struct assay_item *item, struct assay_features *out,
	      struct as_err *e)
{
	*out = (struct assay_features){
		.v = c->v, .place = c->place, .dim = c->dim, .rows_max = c->rows_max
	};
	c->started = as_mono_ns();
	c->decoded = 0;
	memset(c->place, 0, c->rows_max * sizeof *c->place);
	if (c->entry->encode(c->state, item, out, 1) != ASSAY_DONE) {
		return as_fail(e, AS_EIO, "plugin %s: broken at %s page %u", c->entry->name,
			       item->part, item->page);
	}
	if (out->rows == 0) {
		return as_fail(e, AS_EFORMAT, "%s",
			       out->why ? out->why : "refused without a reason");
	}
	if (out->rows > c->rows_max || out->v != c->v || out->place != c->place) {
		return as_fail(e, AS_ESHAPE, "plugin %s: %u rows of at most %u", c->entry->name,
			       out->rows, c->rows_max);
	}
	if (!all_finite(c->v, (size_t)out->rows * c->dim)) {
		return as_fail(e, AS_ESHAPE, "plugin %s: NaN or infinity in the features of %s",
			       c->entry->name, item->part);
	}
	for (size_t i = 0; i < out->rows; i++) {
		c->place[i].page = item->page;
		c->place[i].label[sizeof c->place[i].label - 1] = '\0';
	}
	return AS_OK;
}
