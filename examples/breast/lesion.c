/* SPDX-License-Identifier: Apache-2.0 */
#include "examples/breast/lesion.h"

bool lesion_chance(struct as_rng *r, float p)
{
	return as_rng_float(r) < p;
}

static enum shape draw_shape(bool suspicious, struct as_rng *r)
{
	if (suspicious) {
		return lesion_chance(r, 0.92F) ? IRREGULAR : ROUND;
	}
	return lesion_chance(r, 0.85F) ? OVAL : ROUND;
}

static enum margin draw_margin(bool suspicious, struct as_rng *r)
{
	return suspicious ? INDISTINCT + (enum margin)as_rng_below(r, 4) : CIRCUMSCRIBED;
}

static enum echo draw_echo(bool suspicious, struct as_rng *r)
{
	const float u = as_rng_float(r);

	if (suspicious) {
		return u < 0.75F ? HYPOECHOIC : HETEROGENEOUS;
	}
	return u < 0.30F   ? ISOECHOIC
	       : u < 0.50F ? HYPERECHOIC
	       : u < 0.70F ? ANECHOIC
	       : u < 0.85F ? COMPLEX
			   : HYPOECHOIC;
}

static enum posterior draw_posterior(bool suspicious, struct as_rng *r)
{
	if (suspicious) {
		return lesion_chance(r, 0.85F) ? SHADOWING : NO_POSTERIOR;
	}
	return lesion_chance(r, 0.45F) ? ENHANCEMENT : NO_POSTERIOR;
}

void lesion_init(struct lesion *l, float p, struct as_rng *r)
{
	l->shape = draw_shape(lesion_chance(r, p), r);
	l->margin = draw_margin(lesion_chance(r, p), r);
	l->echo = draw_echo(lesion_chance(r, p), r);
	l->posterior = draw_posterior(lesion_chance(r, p), r);
	l->tissue = (enum tissue)as_rng_below(r, 4);
	l->halo = lesion_chance(r, 0.1F + 0.3F * p);
	l->calcified = lesion_chance(r, 0.02F + 0.25F * p);
}

void lesion_misread(struct lesion *l, float p, struct as_rng *r)
{
	if (lesion_chance(r, p)) {
		l->shape = draw_shape(l->shape != IRREGULAR, r);
	}
	if (lesion_chance(r, p)) {
		l->margin = draw_margin(l->margin == CIRCUMSCRIBED, r);
	}
	if (lesion_chance(r, p)) {
		l->echo = draw_echo(l->echo != HYPOECHOIC && l->echo != HETEROGENEOUS, r);
	}
	if (lesion_chance(r, p)) {
		l->posterior = draw_posterior(l->posterior != SHADOWING, r);
	}
}
