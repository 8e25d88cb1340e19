/* SPDX-License-Identifier: Apache-2.0
 * conflict.c - disagreement of the parts' own judgments.
 *
 *   class   JS(p_1 .. p_n) / log2 min(n, C)     JS = H(mean p) - mean H(p), H in bits
 *   multi   mean over labels of the class form of (1 - p, p)
 *   value   min(1, sd(values) / sd of the training target), sd over the n parts
 *
 *   Lin, "Divergence measures based on the Shannon entropy" (1991), IEEE Trans. Inf. Theory 37(1),
 *   section IV, equal weights. JS <= log2 of the number of distributions and of labels. */
#include "fusion/conflict.h"

#include <math.h>

static double surprise(double p)
{
	return p > 0.0 ? -p * log2(p) : 0.0;
}

static double clip(double x)
{
	return fmin(1.0, fmax(0.0, x));
}

static double bound(size_t n, size_t c)
{
	return log2((double)(n < c ? n : c));
}

double fu_conflict_class(const float *p, size_t n, size_t c)
{
	double js = 0.0;

	if (n < 2) {
		return 0.0;
	}
	for (size_t k = 0; k < c; k++) {
		double mean = 0.0;
		double each = 0.0;

		for (size_t i = 0; i < n; i++) {
			const double v = (double)p[i * c + k];

			mean += v / (double)n;
			each += surprise(v) / (double)n;
		}
		js += surprise(mean) - each;
	}
	return clip(js / bound(n, c));
}

double fu_conflict_multi(const float *p, size_t n, size_t c)
{
	double sum = 0.0;

	if (n < 2) {
		return 0.0;
	}
	for (size_t k = 0; k < c; k++) {
		double mean = 0.0;
		double each = 0.0;

		for (size_t i = 0; i < n; i++) {
			const double v = (double)p[i * c + k];

			mean += v / (double)n;
			each += (surprise(v) + surprise(1.0 - v)) / (double)n;
		}
		sum += clip((surprise(mean) + surprise(1.0 - mean) - each) / bound(n, 2));
	}
	return sum / (double)c;
}

double fu_conflict_value(const double *value, size_t n, double sd)
{
	double mean = 0.0;
	double var = 0.0;

	if (n < 2) {
		return 0.0;
	}
	for (size_t i = 0; i < n; i++) {
		mean += value[i] / (double)n;
	}
	for (size_t i = 0; i < n; i++) {
		var += (value[i] - mean) * (value[i] - mean) / (double)n;
	}
	return clip(sqrt(var) / sd);
}
