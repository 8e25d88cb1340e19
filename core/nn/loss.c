/* SPDX-License-Identifier: Apache-2.0
 * loss.c - losses of one case.
 *
 *   class      L = - sum_k t_k log p_k      p = softmax(x)        dL/dx = p - t       (sum t = 1)
 *   multi      L = - mean_k [t_k log s_k + (1 - t_k) log(1 - s_k)]   s = sigma(x)     (s - t) / C
 *   value      L = (x - t)^2 / 2                                  dL/dx = x - t
 *
 * Bishop, "Pattern Recognition and Machine Learning" (2006), sections 4.3.2, 4.3.4, 3.1.1. */
#include "core/nn/loss.h"

#include <math.h>

static double log_sum_exp(const float *x, size_t c)
{
	double top = (double)x[0];
	double sum = 0.0;

	for (size_t k = 1; k < c; k++) {
		top = fmax(top, (double)x[k]);
	}
	for (size_t k = 0; k < c; k++) {
		sum += exp((double)x[k] - top);
	}
	return top + log(sum);
}

void nn_softmax(const float *logits, float *prob, size_t c, float temperature)
{
	double top = (double)logits[0];
	double sum = 0.0;

	for (size_t k = 1; k < c; k++) {
		top = fmax(top, (double)logits[k]);
	}
	for (size_t k = 0; k < c; k++) {
		sum += exp(((double)logits[k] - top) / (double)temperature);
	}
	for (size_t k = 0; k < c; k++) {
		prob[k] = (float)(exp(((double)logits[k] - top) / (double)temperature) / sum);
	}
}

float nn_sigmoid(float x)
{
	return (float)(1.0 / (1.0 + exp(-(double)x)));
}

double nn_loss_class(const float *logits, const float *t, float *d, size_t c, double weight)
{
	const double lse = log_sum_exp(logits, c);
	double loss = 0.0;

	for (size_t k = 0; k < c; k++) {
		const double log_p = (double)logits[k] - lse;

		loss -= (double)t[k] * log_p;
		if (d != NULL) {
			d[k] += (float)(weight * (exp(log_p) - (double)t[k]));
		}
	}
	return weight * loss;
}

double nn_loss_multi(const float *logits, const float *t, float *d, size_t c, double weight)
{
	double loss = 0.0;

	for (size_t k = 0; k < c; k++) {
		const double x = (double)logits[k];

		/* -t log s(x) - (1 - t) log(1 - s(x)), without overflow */
		loss += fmax(x, 0.0) - x * (double)t[k] + log1p(exp(-fabs(x)));
		if (d != NULL) {
			d[k] +=
			    (float)(weight / (double)c * (1.0 / (1.0 + exp(-x)) - (double)t[k]));
		}
	}
	return weight * loss / (double)c;
}

double nn_loss_value(const float *y, float t, float *d, double weight)
{
	const double off = (double)y[0] - (double)t;

	if (d != NULL) {
		d[0] += (float)(weight * off);
	}
	return weight * off * off / 2.0;
}
