/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/gradcheck.h"

#include <math.h>

double gradcheck(gradcheck_loss loss, void *ctx, float *v, const float *g, size_t n, size_t stride,
		 float h)
{
	double worst = 0.0;

	for (size_t i = 0; i < n; i += stride) {
		const float keep = v[i];
		double up;
		double down;
		double num;

		v[i] = keep + h;
		up = loss(ctx);
		v[i] = keep - h;
		down = loss(ctx);
		v[i] = keep;
		num = (up - down) / (2.0 * (double)h);
		worst = fmax(worst,
			     fabs(num - (double)g[i]) / fmax(1.0, fabs(num) + fabs((double)g[i])));
	}
	return worst;
}
