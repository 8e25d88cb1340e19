/* SPDX-License-Identifier: Apache-2.0
 * phantom.c - makes breast cases that no patient ever had: a scan, a report, a record of findings.
 *
 *   phantom --cases N --seed N --out DIR      writes DIR/cases.csv and DIR/images/
 *
 * A lesion's descriptors follow its class with exceptions. The scan shows them under speckle, the
 * findings and the report name them with errors of their own, so each part alone is imperfect. In
 * one case of twelve the report is of another lesion: column `contradicts`, which no task reads. */
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/rng.h"
#include "examples/breast/lesion.h"
#include "examples/breast/observe.h"
#include "examples/breast/png.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct options {
	uint32_t cases;
	uint64_t seed;
	const char *out;
};

static int make_case(const struct options *o, uint32_t n, struct as_buf *csv, struct as_err *e)
{
	static const float suspicious[2] = { 0.2F, 0.8F }; /* a descriptor, by class */
	uint8_t *grey = as_malloc((size_t)SCAN_W * SCAN_H);
	struct as_buf path = { 0 };
	struct lesion seen;
	struct lesion told;
	struct as_rng r;
	bool malignant;
	bool contradicts;
	int rc;

	as_rng_seed(&r, o->seed, n);
	malignant = lesion_chance(&r, 0.4F);
	contradicts = lesion_chance(&r, 1.0F / 12.0F);
	lesion_init(&seen, contradicts ? (malignant ? 0.9F : 0.1F) : suspicious[malignant], &r);
	told = seen;
	if (contradicts) {
		lesion_init(&told, malignant ? 0.05F : 0.95F, &r);
	}
	scan_draw(&seen, &r, grey);
	as_buf_printf(&path, "%s/images/%" PRIu64 "-%04u.png", o->out, o->seed, n);
	TRY(png_write(path.data, grey, SCAN_W, SCAN_H, e));
	as_buf_printf(csv, "P%" PRIu64 "-%04u,images/%" PRIu64 "-%04u.png,", o->seed, n, o->seed,
		      n);
	observe_findings(csv, &seen, malignant, &r);
	observe_report(csv, &told, lesion_chance(&r, malignant != contradicts ? 0.9F : 0.1F), &r);
	as_buf_printf(csv, "%s,%s\n", malignant ? "malignant" : "benign",
		      contradicts ? "yes" : "no");
out:
	as_buf_free(&path);
	free(grey);
	return rc;
}

static int make_dir(const char *path, struct as_err *e)
{
	if (mkdir(path, 0777) != 0 && errno != EEXIST) {
		return as_fail(e, AS_ECREATE, "%s: %s", path, strerror(errno));
	}
	return AS_OK;
}

static int make_cases(const struct options *o, struct as_err *e)
{
	struct as_buf csv = { 0 };
	struct as_buf path = { 0 };
	FILE *f = NULL;
	int rc;

	TRY(make_dir(o->out, e));
	as_buf_printf(&path, "%s/images", o->out);
	TRY(make_dir(path.data, e));
	as_buf_puts(&csv,
		    "case,image,age,tissue_composition,signs,symptoms,shape,margin,echogenicity,"
		    "posterior_features,halo,calcifications,skin_thickening,interpretation,"
		    "label,contradicts\n");
	for (uint32_t n = 1; n <= o->cases; n++) TRY(make_case(o, n, &csv, e));
	as_buf_clear(&path);
	as_buf_printf(&path, "%s/cases.csv", o->out);
	f = fopen(path.data, "wb");
	if (f == NULL || fwrite(csv.data, 1, csv.len, f) != csv.len) {
		rc = as_fail(e, AS_ECREATE, "%s: %s", path.data, strerror(errno));
	}
out:
	if (f != NULL && fclose(f) != 0 && rc == AS_OK) {
		rc = as_fail(e, AS_ECREATE, "%s: %s", path.data, strerror(errno));
	}
	as_buf_free(&path);
	as_buf_free(&csv);
	return rc;
}

/* Digits only, at most max. */
static bool parse(const char *s, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(s, &end, 10);
	return *s >= '0' && *s <= '9' && *end == '\0' && errno == 0 && *out <= max;
}

int main(int argc, char **argv)
{
	static const struct option known[] = { { "cases", required_argument, NULL, 'n' },
					       { "seed", required_argument, NULL, 's' },
					       { "out", required_argument, NULL, 'o' },
					       { 0 } };
	struct options o = { .cases = 300, .seed = 1 };
	struct as_err e = { 0 };
	uint64_t cases = o.cases;
	bool good = true;
	int rc;

	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		if (c == 'n') {
			good = parse(optarg, 9999, &cases) && good;
		} else if (c == 's') {
			good = parse(optarg, UINT64_MAX, &o.seed) && good;
		} else if (c == 'o') {
			o.out = optarg;
		} else {
			good = false;
		}
	}
	o.cases = (uint32_t)cases;
	if (!good || o.out == NULL || optind < argc) {
		fputs("usage: phantom [--cases N (300, at most 9999)] [--seed N (1)] --out DIR\n",
		      stderr);
		return 64;
	}
	rc = make_cases(&o, &e);
	if (rc != AS_OK) {
		fprintf(stderr, "phantom: %s\n", e.msg);
	}
	return as_exit_code(rc);
}
