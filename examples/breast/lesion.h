/* SPDX-License-Identifier: Apache-2.0
 * lesion.h - what a phantom case looks like, in the words of BI-RADS, and how it is drawn.
 *
 * Each descriptor is drawn once for the lesion; the scan shows it, the findings and the report
 * name it with errors of their own. */
#ifndef PHANTOM_LESION_H
#define PHANTOM_LESION_H

#include "core/base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum shape { OVAL, ROUND, IRREGULAR };
enum margin { CIRCUMSCRIBED, INDISTINCT, ANGULAR, MICROLOBULATED, SPICULATED };
enum echo { ANECHOIC, HYPOECHOIC, ISOECHOIC, HYPERECHOIC, HETEROGENEOUS, COMPLEX };
enum posterior { NO_POSTERIOR, SHADOWING, ENHANCEMENT };
enum tissue { FAT, FIBROGLANDULAR, MOSTLY_FAT, MOSTLY_FIBROGLANDULAR };

struct lesion {
	enum shape shape;
	enum margin margin;
	enum echo echo;
	enum posterior posterior;
	enum tissue tissue;
	bool halo;
	bool calcified;
};

/* True with probability p. */
bool lesion_chance(struct as_rng *r, float p);
/* A new lesion, each of its descriptors suspicious with probability p. */
void lesion_init(struct lesion *l, float p, struct as_rng *r);
/* What an observer takes it for: each descriptor turns into one of the other kind with
 * probability p. */
void lesion_misread(struct lesion *l, float p, struct as_rng *r);

enum { SCAN_W = 224, SCAN_H = 192 }; /* pixels */

/* Draws a B-mode image of the lesion, grey [SCAN_H, SCAN_W]. */
void scan_draw(const struct lesion *l, struct as_rng *rng, uint8_t *grey);

#endif
