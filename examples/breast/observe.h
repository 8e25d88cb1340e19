/* SPDX-License-Identifier: Apache-2.0
 * observe.h - what people wrote about a lesion: cells of a CSV, each with its comma. */
#ifndef PHANTOM_OBSERVE_H
#define PHANTOM_OBSERVE_H

#include "core/base/buf.h"
#include "examples/breast/lesion.h"

/* age, tissue_composition, signs, symptoms, shape, margin, echogenicity, posterior_features, halo,
 * calcifications, skin_thickening; some "not available". */
void observe_findings(struct as_buf *b, const struct lesion *seen, bool malignant,
		      struct as_rng *r);
/* interpretation: in half of them a descriptor is left out; the impression is the writer's own. */
void observe_report(struct as_buf *b, const struct lesion *seen, bool suspicious, struct as_rng *r);

#endif
