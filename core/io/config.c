/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/config.h"

#include "core/base/buf.h"
#include "core/io/file.h"
#include "core/io/ini.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct io_config_key keys[] = {
#define CFG(section, key, type, def, min, max, meaning)                                 \
	{                                                                               \
		#section, #key, #type,  def, offsetof(struct io_config_##section, key), \
		min,      max,  meaning                                                 \
	},
#include "core/io/config.def"
#undef CFG
};

enum { KEYS = sizeof keys / sizeof *keys };

const struct io_config_key *io_config_keys(size_t *n)
{
	*n = KEYS;
	return keys;
}

/* What the section being read fills in. */
struct reading {
	struct io_config *c;
	void *part; /* struct io_config_daemon, _encoder or _stream */
	const char *kind;
	struct io_config_encoder *encoder; /* the same where it is one */
	bool given[KEYS];
	bool daemon;
};

static int parse_number(const struct io_config_key *k, const char *value, uint64_t *out,
			struct as_err *e)
{
	char *end;

	errno = 0;
	*out = strtoull(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 || *out < k->min ||
	    *out > k->max) {
		return as_fail(e, AS_ECONFIG, "%s: want %" PRIu64 " to %" PRIu64 ", got \"%s\"",
			       k->key, k->min, k->max, value);
	}
	return AS_OK;
}

static int put(void *part, const struct io_config_key *k, const char *value, struct as_err *e)
{
	char *at = (char *)part + k->at;
	uint64_t v;
	int rc;

	if (strcmp(k->type, "str") == 0) {
		char **s = (void *)at;

		if (value[0] == '\0') {
			return as_fail(e, AS_ECONFIG, "%s: a value is missing", k->key);
		}
		free(*s);
		*s = as_strdup(value);
		return AS_OK;
	}
	if (strcmp(k->type, "flag") == 0) {
		const bool is = strcmp(value, "true") == 0;

		memcpy(at, &is, sizeof is);
		return is || strcmp(value, "false") == 0
			   ? AS_OK
			   : as_fail(e, AS_ECONFIG, "%s: want true or false, got \"%s\"", k->key,
				     value);
	}
	rc = parse_number(k, value, &v, e);
	if (rc != AS_OK) {
		return rc;
	}
	if (strcmp(k->type, "u32") == 0) {
		const uint32_t narrow = (uint32_t)v;

		memcpy(at, &narrow, sizeof narrow);
	} else {
		memcpy(at, &v, sizeof v);
	}
	return AS_OK;
}

/* The section that ends here: defaults for what it did not give. */
static int end_section(struct reading *r, struct as_err *e)
{
	for (size_t i = 0; i < KEYS && r->part != NULL; i++) {
		const struct io_config_key *k = &keys[i];
		int rc = AS_OK;

		if (strcmp(k->section, r->kind) != 0 || r->given[i]) {
			continue;
		}
		if (k->def == NULL) {
			rc = as_fail(e, AS_ECONFIG, "[%s] has no %s: %s", r->kind, k->key,
				     k->meaning);
		} else {
			rc = put(r->part, k, k->def, e);
		}
		if (rc != AS_OK) {
			return rc;
		}
	}
	return AS_OK;
}

static int take_name(const char *section, const char *kind, char out[IO_NAME_SIZE],
		     struct as_err *e)
{
	const char *name = section + strlen(kind) + 1;

	if (!io_name_ok(name)) {
		return as_fail(e, AS_ECONFIG, "[%s]: a name is 1 to %d of [a-z0-9._-]", section,
			       IO_NAME_SIZE - 1);
	}
	(void)snprintf(out, IO_NAME_SIZE, "%s", name);
	return AS_OK;
}

static int start_section(struct reading *r, const char *section, struct as_err *e)
{
	struct io_config *c = r->c;

	r->encoder = NULL;
	memset(r->given, 0, sizeof r->given);
	if (strcmp(section, "daemon") == 0) {
		r->kind = "daemon";
		r->part = &c->daemon;
		r->daemon = true;
		return AS_OK;
	}
	if (strncmp(section, "encoder.", 8) == 0) {
		if (c->encoders == IO_ENCODERS_MAX) {
			return as_fail(e, AS_ECONFIG, "more than %d encoders", IO_ENCODERS_MAX);
		}
		r->kind = "encoder";
		r->encoder = &c->encoder[c->encoders++];
		r->part = r->encoder;
		return take_name(section, r->kind, r->encoder->name, e);
	}
	if (strncmp(section, "stream.", 7) == 0) {
		if (c->streams == IO_STREAMS_MAX) {
			return as_fail(e, AS_ECONFIG, "more than %d streams", IO_STREAMS_MAX);
		}
		r->kind = "stream";
		r->part = &c->stream[c->streams++];
		return take_name(section, r->kind, c->stream[c->streams - 1].name, e);
	}
	r->part = NULL;
	return as_fail(e, AS_ECONFIG, "[%s]: want [daemon], [encoder.NAME] or [stream.NAME]",
		       section);
}

static int refuse_key(const struct reading *r, const char *key, struct as_err *e)
{
	const char *known[KEYS];
	const char *nearest;
	size_t n = 0;

	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(keys[i].section, r->kind) == 0) {
			known[n++] = keys[i].key;
		}
	}
	nearest = io_nearest(key, known, n);
	return as_fail(e, AS_ECONFIG, "[%s] has no key %s%s%s%s", r->kind, key,
		       nearest ? "; did you mean " : "", nearest ? nearest : "",
		       nearest ? "?" : "");
}

static int take_setting(struct io_config_encoder *en, const struct io_ini_item *item,
			struct as_err *e)
{
	if (en->settings == IO_SETTINGS_MAX) {
		return as_fail(e, AS_ECONFIG, "%s: more than %d settings of a plugin's own",
			       item->key, IO_SETTINGS_MAX);
	}
	en->setting[en->settings++] =
	    (struct io_setting){ .key = as_strdup(item->key), .value = as_strdup(item->value) };
	return AS_OK;
}

static int take_item(void *ctx, const struct io_ini_item *item, struct as_err *e)
{
	struct reading *r = ctx;

	if (item->key == NULL) {
		const int rc = end_section(r, e);

		return rc == AS_OK ? start_section(r, item->section, e) : rc;
	}
	if (r->part == NULL) {
		return as_fail(e, AS_ECONFIG, "%s stands before the first [section]", item->key);
	}
	if (r->encoder != NULL && strchr(item->key, '.') != NULL) {
		return take_setting(r->encoder, item, e);
	}
	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(keys[i].section, r->kind) == 0 && strcmp(keys[i].key, item->key) == 0) {
			r->given[i] = true;
			return put(r->part, &keys[i], item->value, e);
		}
	}
	return refuse_key(r, item->key, e);
}

static void make_beside(const char *base, char **path)
{
	struct as_buf b = { 0 };

	io_path_beside(base, *path, &b);
	free(*path);
	*path = b.data;
}

bool io_config_is_tcp(const char *setting)
{
	return strncmp(setting, "tcp://", 6) == 0;
}

bool io_config_is_given(const char *setting)
{
	return strcmp(setting, "none") != 0;
}

/* A socket that other machines reach asks for keys, unless the operator says that it shall not. */
static int check_keys(const struct io_config_daemon *d, struct as_err *e)
{
	const bool locked = io_config_is_given(d->key) && io_config_is_given(d->clients);
	const bool tcp = io_config_is_tcp(d->front) || io_config_is_tcp(d->feed) ||
			 io_config_is_tcp(d->work) || io_config_is_tcp(d->features);

	if (io_config_is_given(d->key) != io_config_is_given(d->clients)) {
		return as_fail(e, AS_ECONFIG, "[daemon] key and clients: one without the other");
	}
	if (locked && d->insecure) {
		return as_fail(e, AS_ECONFIG,
			       "[daemon] insecure = true, but key and clients are given");
	}
	if (tcp && !locked && !d->insecure) {
		return as_fail(e, AS_ECONFIG,
			       "[daemon] a tcp address wants key and clients (docs/operations.md), "
			       "or insecure = true to be served in the clear");
	}
	if (io_config_is_tcp(d->control) && !locked) {
		return as_fail(e, AS_ECONFIG,
			       "[daemon] control: a tcp address wants key and clients");
	}
	return AS_OK;
}

static int check(const struct io_config *c, struct as_err *e)
{
	const struct io_config_daemon *d = &c->daemon;

	if (d->case_bytes < d->part_bytes || d->queue_bytes < d->case_bytes) {
		return as_fail(
		    e, AS_ECONFIG,
		    "[daemon] wants part_bytes <= case_bytes <= queue_bytes, got %" PRIu64
		    ", %" PRIu64 ", %" PRIu64,
		    d->part_bytes, d->case_bytes, d->queue_bytes);
	}
	if (strcmp(d->sandbox, "require") != 0 && strcmp(d->sandbox, "best-effort") != 0 &&
	    strcmp(d->sandbox, "off") != 0) {
		return as_fail(e, AS_ECONFIG,
			       "[daemon] sandbox: want require, best-effort or off, got \"%s\"",
			       d->sandbox);
	}
	if (c->streams == 0) {
		return as_fail(e, AS_ECONFIG, "no [stream.NAME]: nothing to serve");
	}
	return check_keys(d, e);
}

int io_config_load(struct io_config *c, const char *path, struct as_err *e)
{
	struct reading r = { .c = c };
	int rc;

	*c = (struct io_config){ .path = as_strdup(path) };
	rc = io_ini_read(path, NULL, take_item, &r, e);
	if (rc != AS_OK) {
		return rc;
	}
	rc = end_section(&r, e);
	if (rc == AS_OK && !r.daemon) {
		rc = as_fail(e, AS_ECONFIG, "no [daemon]");
	}
	if (rc == AS_OK) {
		rc = check(c, e);
	}
	if (rc != AS_OK) {
		return as_wrap(e, "%s", path);
	}
	make_beside(path, &c->daemon.state);
	make_beside(path, &c->daemon.runtime);
	if (io_config_is_given(c->daemon.key)) {
		make_beside(path, &c->daemon.key);
		make_beside(path, &c->daemon.clients);
	}
	for (size_t i = 0; i < c->streams; i++) {
		make_beside(path, &c->stream[i].model);
	}
	return AS_OK;
}

static void free_strings(void *part, const char *kind)
{
	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(keys[i].section, kind) == 0 && strcmp(keys[i].type, "str") == 0) {
			char **s = (void *)((char *)part + keys[i].at);

			free(*s);
		}
	}
}

void io_config_free(struct io_config *c)
{
	free(c->path);
	free_strings(&c->daemon, "daemon");
	for (size_t i = 0; i < c->encoders; i++) {
		free_strings(&c->encoder[i], "encoder");
		for (size_t j = 0; j < c->encoder[i].settings; j++) {
			free(c->encoder[i].setting[j].key);
			free(c->encoder[i].setting[j].value);
		}
	}
	for (size_t i = 0; i < c->streams; i++) {
		free_strings(&c->stream[i], "stream");
	}
	*c = (struct io_config){ 0 };
}
