/* SPDX-License-Identifier: Apache-2.0
 * loss.c - losses of one case.
 *
 *   class      L = - sum_k t_k log p_k      p = softmax(x)        dL/dx = p - t       (sum t = 1)
 *   multi      L = - mean_k [t_k log s_k + (1 - t_k) log(1 - s_k)]   s = sigma(x)     (s - t) / C
 *   value      L = (x - t)^2 / 2                                  dL/dx = x - t
 *   soft       L = T^2 sum_k q_k log(q_k / p_k)   p = softmax(x / T), q = softmax(teacher / T)
 *                                                                  dL/dx = T (p - q)
 *
 * Bishop, "Pattern Recognition and Machine Learning" (2006), sections 4.3.2, 4.3.4, 3.1.1. Soft:
 * Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network" (2015), arXiv:1503.02531,
 * section 2; T^2 keeps the gradient's size whatever T is. */
#include "core/nn/loss.h"

#include <math.h>

/* log sum of exp(x / t) */
static double log_sum_exp(const float *x, size_t c, double t)
{
	double top = (double)x[0];
	double sum = 0.0;

	for (size_t k = 1; k < c; k++) {
		top = fmax(top, (double)x[k]);
	}
	for (size_t k = 0; k < c; k++) {
		sum += exp(((double)x[k] - top) / t);
	}
	return top / t + log(sum);
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
	const double lse = log_sum_exp(logits, c, 1.0);
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

double nn_loss_bag(const float *logits, size_t c, const uint32_t *ids, size_t n, float *d,
		   double weight)
{
	const double lse = log_sum_exp(logits, c, 1.0);
	const double share = 1.0 / (double)n;
	double loss = lse;

	for (size_t k = 0; d != NULL && k < c; k++) {
		d[k] += (float)(weight * exp((double)logits[k] - lse));
	}
	for (size_t i = 0; i < n; i++) {
		loss -= share * (double)logits[ids[i]];
		if (d != NULL) {
			d[ids[i]] -= (float)(weight * share);
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

double nn_loss_soft_class(const float *logits, const float *teacher, float *d, size_t c, float t,
			  double weight)
{
	const double T = (double)t;
	const double lse = log_sum_exp(logits, c, T);
	const double teacher_lse = log_sum_exp(teacher, c, T);
	double loss = 0.0;

	for (size_t k = 0; k < c; k++) {
		const double log_p = (double)logits[k] / T - lse;
		const double log_q = (double)teacher[k] / T - teacher_lse;

		loss += exp(log_q) * (log_q - log_p);
		if (d != NULL) {
			d[k] += (float)(weight * T * (exp(log_p) - exp(log_q)));
		}
	}
	return weight * T * T * loss;
}

double nn_loss_soft_multi(const float *logits, const float *teacher, float *d, size_t c, float t,
			  double weight)
{
	const double share = weight / (double)c;
	double loss = 0.0;

	for (size_t k = 0; k < c; k++) { /* yes and no are the two labels x and 0 */
		const float x[] = { logits[k], 0.0F };
		const float q[] = { teacher[k], 0.0F };
		float dx[2] = { 0.0F };

		loss += nn_loss_soft_class(x, q, dx, 2, t, share);
		if (d != NULL) {
			d[k] += dx[0];
		}
	}
	return loss;
}
