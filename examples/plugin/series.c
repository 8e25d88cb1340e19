/* SPDX-License-Identifier: Apache-2.0
 * series.c - an encoder for a modality of its own: a series of numbers as text, separated by
 * blanks, commas or lines. Built against the installed assay_plugin.h alone.
 *
 * A series is cut into at most 16 windows of equal length. A window becomes one row of 8 features:
 *   0 mean   1 standard deviation   2 minimum   3 maximum   4 last - first
 *   5 mean size of a step   6 share of steps upwards   7 log(1 + number of values) */
#include <assay_plugin.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIM = 8, WINDOWS = 16, VALUES_MAX = 65536 };

struct assay_encoder {
	double v[VALUES_MAX];
	char why[96];
};

static int series_create(const struct assay_host *host, struct assay_encoder **out, char *why,
			 size_t why_len)
{
	(void)host; /* nothing to set, no model to read: the features are fixed */
	*out = malloc(sizeof **out);
	if (*out == NULL) {
		(void)snprintf(why, why_len, "no memory");
		return ASSAY_BAD_CONFIG;
	}
	return ASSAY_DONE;
}

static void series_destroy(struct assay_encoder *enc)
{
	free(enc);
}

static void series_shape(const struct assay_encoder *enc, uint32_t *dim, uint32_t *rows_max)
{
	(void)enc;
	*dim = DIM;
	*rows_max = WINDOWS;
}

/* Reads the numbers of an item; returns how many, 0 after a refusal. The bytes have no NUL at
 * their end, so each number is copied before strtod sees it. */
static size_t parse(struct assay_encoder *enc, const struct assay_item *item,
		    struct assay_features *out)
{
	static const char blank[] = " \t\r\n,";
	const char *s = item->data;
	size_t n = 0;

	for (size_t at = 0; at < item->size;) {
		char word[64];
		char *end;
		size_t len = 0;

		if (memchr(blank, s[at], sizeof blank - 1) != NULL) {
			at++;
			continue;
		}
		while (at < item->size && memchr(blank, s[at], sizeof blank - 1) == NULL) {
			if (len + 1 < sizeof word) {
				word[len++] = s[at];
			}
			at++;
		}
		word[len] = '\0';
		if (n == VALUES_MAX) {
			out->limit = "values";
			out->why = "more than 65536 values";
			return 0;
		}
		enc->v[n] = strtod(word, &end);
		if (*end != '\0' || end == word || !isfinite(enc->v[n])) {
			(void)snprintf(enc->why, sizeof enc->why, "value %zu is not a number",
				       n + 1);
			out->why = enc->why;
			return 0;
		}
		n++;
	}
	if (n == 0) {
		out->why = "no values";
	}
	return n;
}

/* The features of v[0..n), n > 0. */
static void window(const double *v, size_t n, float *row)
{
	double sum = 0.0, squares = 0.0, steps = 0.0, up = 0.0, lo = v[0], hi = v[0];
	double mean;

	for (size_t i = 0; i < n; i++) {
		sum += v[i];
		lo = v[i] < lo ? v[i] : lo;
		hi = v[i] > hi ? v[i] : hi;
	}
	mean = sum / (double)n;
	for (size_t i = 0; i < n; i++) squares += (v[i] - mean) * (v[i] - mean);
	for (size_t i = 1; i < n; i++) {
		steps += fabs(v[i] - v[i - 1]);
		up += v[i] > v[i - 1] ? 1.0 : 0.0;
	}
	row[0] = (float)mean;
	row[1] = (float)sqrt(squares / (double)n);
	row[2] = (float)lo;
	row[3] = (float)hi;
	row[4] = (float)(v[n - 1] - v[0]);
	row[5] = (float)(n > 1 ? steps / (double)(n - 1) : 0.0);
	row[6] = (float)(n > 1 ? up / (double)(n - 1) : 0.0);
	row[7] = (float)log1p((double)n);
}

static void encode_one(struct assay_encoder *enc, const struct assay_item *item,
		       struct assay_features *out)
{
	const size_t n = parse(enc, item, out);
	const size_t windows = n < WINDOWS ? n : WINDOWS;

	for (size_t w = 0; w < windows; w++) {
		const size_t from = n * w / windows;
		const size_t to = n * (w + 1) / windows;
		struct assay_place *p = &out->place[w];

		window(enc->v + from, to - from, out->v + w * DIM);
		*p = (struct assay_place){ .page = item->page,
					   .a = (uint32_t)from,
					   .b = (uint32_t)to };
		(void)snprintf(p->label, sizeof p->label, "values %zu to %zu", from + 1, to);
	}
	out->rows = (uint32_t)windows;
}

static int series_encode(struct assay_encoder *enc, const struct assay_item *items,
			 struct assay_features *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) encode_one(enc, &items[i], &out[i]);
	return ASSAY_DONE;
}

const struct assay_plugin assay_plugin_entry = {
	.abi_major = ASSAY_ABI_MAJOR,
	.abi_minor = ASSAY_ABI_MINOR,
	.size = sizeof(struct assay_plugin),
	.modality = "series",
	.name = "series",
	.version = "1",
	.create = series_create,
	.destroy = series_destroy,
	.shape = series_shape,
	.encode = series_encode,
};
