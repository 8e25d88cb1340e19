/* SPDX-License-Identifier: Apache-2.0 */
#include "examples/breast/observe.h"

#include <string.h>

static const char *const SHAPES[] = { "oval", "round", "irregular" };
static const char *const MARGINS[] = {
	"circumscribed",
	"not circumscribed - indistinct",
	"not circumscribed - angular&indistinct",
	"not circumscribed - microlobulated",
	"not circumscribed - spiculated",
};
static const char *const ECHOES[] = { "anechoic",    "hypoechoic",    "isoechoic",
				      "hyperechoic", "heterogeneous", "complex cystic/solid" };
static const char *const POSTERIORS[] = { "no", "shadowing", "enhancement" };
static const char *const TISSUES[] = { "homogeneous: fat", "homogeneous: fibroglandular",
				       "heterogeneous: predominantly fat",
				       "heterogeneous: predominantly fibroglandular" };

static const char *pick(struct as_rng *r, const char *const *from, size_t n)
{
	return from[as_rng_below(r, n)];
}

#define PICK(r, ...)                                    \
	pick((r), (const char *const[]){ __VA_ARGS__ }, \
	     sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

void observe_findings(struct as_buf *b, const struct lesion *seen, bool malignant, struct as_rng *r)
{
	struct lesion l = *seen;
	const float age = (malignant ? 57.0F : 48.0F) + 13.0F * as_rng_normal(r);

	lesion_misread(&l, 0.12F, r);
	if (lesion_chance(r, 0.12F)) {
		as_buf_puts(b, "not available,");
	} else {
		as_buf_printf(b, "%d,", (int)(age < 19.0F ? 19.0F : age > 91.0F ? 91.0F : age));
	}
	as_buf_printf(b, "%s,", lesion_chance(r, 0.15F) ? "not available" : TISSUES[l.tissue]);
	as_buf_printf(b, "%s,",
		      lesion_chance(r, 0.15F)                      ? "not available"
		      : lesion_chance(r, malignant ? 0.35F : 0.2F) ? "palpable"
								   : "no");
	as_buf_printf(b, "%s,",
		      lesion_chance(r, 0.3F) ? "not available"
					     : PICK(r, "no", "no", "no", "no", "nipple discharge",
						    "HRT/hormonal contraception",
						    "family history of breast/ovarian cancer"));
	as_buf_printf(b, "%s,%s,%s,%s,", SHAPES[l.shape], MARGINS[l.margin], ECHOES[l.echo],
		      POSTERIORS[l.posterior]);
	as_buf_printf(b, "%s,%s,%s,", l.halo ? "yes" : "no", l.calcified ? "in a mass" : "no",
		      lesion_chance(r, malignant ? 0.1F : 0.03F) ? "yes" : "no");
}

static const char *margin_words(enum margin m, struct as_rng *r)
{
	switch (m) {
	case CIRCUMSCRIBED:
		return PICK(r, "circumscribed margins", "well-defined margins",
			    "a smooth, circumscribed margin");
	case INDISTINCT:
		return PICK(r, "indistinct margins", "ill-defined margins");
	case ANGULAR:
		return PICK(r, "angular margins", "angular and indistinct margins");
	case MICROLOBULATED:
		return PICK(r, "microlobulated margins", "a microlobulated margin");
	case SPICULATED:
		return PICK(r, "spiculated margins", "a spiculated margin");
	}
	return "margins that are not seen";
}

static const char *posterior_words(enum posterior p, struct as_rng *r)
{
	switch (p) {
	case SHADOWING:
		return PICK(r, "Posterior acoustic shadowing is present. ",
			    "There is shadowing behind it. ");
	case ENHANCEMENT:
		return PICK(r, "Posterior enhancement is seen. ",
			    "There is enhancement behind it. ");
	case NO_POSTERIOR:
		break;
	}
	return PICK(r, "No posterior acoustic features. ", "");
}

static const char *impression_words(bool suspicious, struct as_rng *r)
{
	if (lesion_chance(r, 0.15F)) {
		return PICK(r, "Correlation with mammography is advised.",
			    "Comparison with earlier studies is advised.");
	}
	if (suspicious) {
		return PICK(r, "Suspicious for malignancy, core biopsy recommended.",
			    "Findings are suspicious, tissue sampling is advised.",
			    "Highly suggestive of a malignant process.");
	}
	return PICK(r, "Most likely a fibroadenoma, follow-up in six months.",
		    "Features of a benign lesion, routine screening.",
		    "Probably benign, short-term follow-up.");
}

static const char *echo_words(enum echo echo)
{
	return echo == COMPLEX ? "complex cystic and solid" : ECHOES[echo];
}

void observe_report(struct as_buf *b, const struct lesion *seen, bool suspicious, struct as_rng *r)
{
	const uint64_t skip = as_rng_below(r, 8); /* the descriptor left out, none from 4 */
	struct lesion l = *seen;
	struct as_buf what = { 0 };

	lesion_misread(&l, 0.05F, r);
	as_buf_printf(b, "\"%s breast, ", PICK(r, "Right", "Left"));
	as_buf_printf(b, "%d o'clock: ", 1 + (int)as_rng_below(r, 12));
	as_buf_puts(b, PICK(r, "there is ", "we see ", "shown is "));
	if (skip != 0) {
		as_buf_printf(&what, "%s ", SHAPES[l.shape]);
	}
	if (skip != 1) {
		as_buf_printf(&what, "%s ", echo_words(l.echo));
	}
	as_buf_puts(&what, PICK(r, "mass", "lesion", "nodule"));
	as_buf_printf(b, "%s %s of %d mm", strchr("aeio", what.data[0]) != NULL ? "an" : "a",
		      what.data, 6 + (int)as_rng_below(r, 26));
	as_buf_free(&what);
	if (skip != 2) {
		as_buf_printf(b, " with %s", margin_words(l.margin, r));
	}
	as_buf_puts(b, ". ");
	if (skip != 3) {
		as_buf_puts(b, posterior_words(l.posterior, r));
	}
	as_buf_puts(b, PICK(r, "", "Axillary nodes are unremarkable. ", "No skin changes. ",
			    "Background parenchyma as described before. "));
	as_buf_printf(b, "%s\",", impression_words(suspicious, r));
}
