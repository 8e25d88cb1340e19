/* SPDX-License-Identifier: Apache-2.0 */
#include "plugins/host.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct as_log quiet = { .fd = -1, .level = AS_ERROR, .who = "test" };

/* The layout that a plugin of ABI 1.0 was built with, on a machine of 64 bits. */
Test(plugins_host, layout_of_abi_1_is_pinned)
{
	cr_assert(eq(sz, sizeof(struct assay_place), (size_t)64));
	cr_assert(eq(sz, offsetof(struct assay_place, label), (size_t)20));
	cr_assert(eq(sz, sizeof(struct assay_item), (size_t)40));
	cr_assert(eq(sz, offsetof(struct assay_item, type), (size_t)16));
	cr_assert(eq(sz, offsetof(struct assay_item, part), (size_t)24));
	cr_assert(eq(sz, offsetof(struct assay_item, page), (size_t)32));
	cr_assert(eq(sz, sizeof(struct assay_features), (size_t)48));
	cr_assert(eq(sz, offsetof(struct assay_features, dim), (size_t)16));
	cr_assert(eq(sz, offsetof(struct assay_features, rows), (size_t)24));
	cr_assert(eq(sz, offsetof(struct assay_features, limit), (size_t)32));
	cr_assert(eq(sz, offsetof(struct assay_features, why), (size_t)40));
	cr_assert(eq(sz, offsetof(struct assay_host, ctx), (size_t)8));
	cr_assert(eq(sz, offsetof(struct assay_host, config), (size_t)16));
	cr_assert(eq(sz, offsetof(struct assay_host, log), (size_t)24));
	cr_assert(eq(sz, offsetof(struct assay_host, decoded), (size_t)32));
	cr_assert(eq(sz, offsetof(struct assay_plugin, modality), (size_t)16));
	cr_assert(eq(sz, offsetof(struct assay_plugin, version), (size_t)32));
	cr_assert(eq(sz, offsetof(struct assay_plugin, create), (size_t)40));
	cr_assert(eq(sz, offsetof(struct assay_plugin, destroy), (size_t)48));
	cr_assert(eq(sz, offsetof(struct assay_plugin, shape), (size_t)56));
	cr_assert(eq(sz, offsetof(struct assay_plugin, encode), (size_t)64));
}

/* An encoder whose faults a test chooses through its settings. */
struct assay_encoder {
	const char *fault;
	const struct assay_host *host;
};

static int create(const struct assay_host *host, struct assay_encoder **out, char *why, size_t n)
{
	const char *fault = host->config(host->ctx, "fault");

	if (fault != NULL && strcmp(fault, "create") == 0) {
		(void)snprintf(why, n, "no such depth");
		return ASSAY_BAD_CONFIG;
	}
	*out = calloc(1, sizeof **out);
	(*out)->fault = fault ? fault : "";
	(*out)->host = host;
	return ASSAY_DONE;
}

static void destroy(struct assay_encoder *enc)
{
	free(enc);
}

static void shape(const struct assay_encoder *enc, uint32_t *dim, uint32_t *rows_max)
{
	*dim = strcmp(enc->fault, "shape") == 0 ? 1U << 30 : 2;
	*rows_max = 3;
}

static int encode(struct assay_encoder *enc, const struct assay_item *items,
		  struct assay_features *out, uint32_t n)
{
	(void)items;
	(void)n;
	if (strcmp(enc->fault, "broken") == 0) {
		return ASSAY_BROKEN;
	}
	enc->host->decoded(enc->host->ctx);
	out->rows = strcmp(enc->fault, "rows") == 0 ? 4 : 1;
	if (strcmp(enc->fault, "refuse") == 0) {
		out->rows = 0;
		out->limit = "depth";
		out->why = "too deep";
	}
	out->v[0] = strcmp(enc->fault, "nan") == 0 ? NAN : 1.0F;
	out->v[1] = 2.0F;
	memset(out->place[0].label, 'x', sizeof out->place[0].label);
	return ASSAY_DONE;
}

static const struct assay_plugin good = {
	.abi_major = ASSAY_ABI_MAJOR,
	.abi_minor = ASSAY_ABI_MINOR,
	.size = sizeof(struct assay_plugin),
	.modality = "series",
	.name = "fft",
	.version = "0.3",
	.create = create,
	.destroy = destroy,
	.shape = shape,
	.encode = encode,
};

Test(plugins_host, entry_is_checked_field_by_field)
{
	struct assay_plugin p = good;
	struct as_err e = { 0 };

	ok(pl_check(&p, "p.so", &e));
	p.abi_major = 2;
	fails(pl_check(&p, "p.so", &e), AS_EFORMAT, "p.so speaks plugin ABI 2, this host 1");
	p = good;
	p.size = 16;
	fails(pl_check(&p, "p.so", &e), AS_EFORMAT, "an entry of 16 bytes, at least 72 needed");
	p = good;
	p.size += 64; /* one of a later minor */
	p.abi_minor = 9;
	ok(pl_check(&p, "p.so", &e));
	p = good;
	p.shape = NULL;
	fails(pl_check(&p, "p.so", &e), AS_EFORMAT, "function");
	p = good;
	p.modality = "Series of numbers";
	fails(pl_check(&p, "p.so", &e), AS_EFORMAT, "modality \"Series of numbers\"");
	p = good;
	p.name = NULL;
	fails(pl_check(&p, "p.so", &e), AS_EFORMAT, "name");
}

Test(plugins_host, what_cannot_be_loaded_is_named)
{
	struct pl_plugin p;
	struct as_err e = { 0 };

	fails(pl_load(&p, tmpdir_path("none.so"), &e), AS_ENOINPUT, "none.so");
	fails(pl_load(&p, tmpdir_file("text.so", "no object"), &e), AS_ENOINPUT, "text.so");
	fails(pl_load(&p, "libm.so.6", &e), AS_EFORMAT, "libm.so.6 exports no assay_plugin_entry");
}

struct bench {
	struct pl_plugin plugin;
	struct pl_setting setting;
	struct pl_encoder encoder;
	struct assay_features out;
	struct as_err e;
};

static int run(struct bench *b, const char *fault)
{
	const struct assay_item item = {
		.data = "x", .size = 1, .type = "text/plain", .part = "trace", .page = 3
	};

	*b = (struct bench){ .plugin.entry = &good, .setting = { "fault", fault } };
	if (pl_encoder_open(&b->encoder, &b->plugin, &b->setting, 1, &quiet, &b->e) != AS_OK) {
		return b->e.code;
	}
	return pl_encode(&b->encoder, &item, &b->out, &b->e);
}

Test(plugins_host, features_carry_page_and_a_terminated_label)
{
	struct bench b;

	cr_assert(eq(int, run(&b, ""), AS_OK), "%s", b.e.msg);
	cr_assert(eq(u32, b.out.rows, 1));
	cr_assert(eq(flt, b.out.v[1], 2.0F));
	cr_assert(eq(u32, b.out.place[0].page, 3));
	cr_assert(eq(sz, strlen(b.out.place[0].label), sizeof b.out.place[0].label - 1));
	cr_assert(lt(dbl, 0.0, pl_encoder_spent(&b.encoder).decode));
	pl_encoder_close(&b.encoder);
}

Test(plugins_host, faults_of_a_plugin_are_told_apart)
{
	struct bench b;

	cr_assert(eq(int, run(&b, "create"), AS_ECONFIG));
	same(b.e.msg, "plugin fft 0.3: no such depth");
	cr_assert(eq(int, run(&b, "shape"), AS_ESHAPE));
	cr_assert(eq(int, run(&b, "broken"), AS_EIO));
	pl_encoder_close(&b.encoder);
	cr_assert(eq(int, run(&b, "refuse"), AS_EFORMAT));
	same(b.e.msg, "too deep");
	same(b.out.limit, "depth");
	pl_encoder_close(&b.encoder);
	cr_assert(eq(int, run(&b, "rows"), AS_ESHAPE));
	pl_encoder_close(&b.encoder);
	cr_assert(eq(int, run(&b, "nan"), AS_ESHAPE));
	pl_encoder_close(&b.encoder);
}
