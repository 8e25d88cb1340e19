/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NN_LOSS_H
#define NN_LOSS_H

#include <stddef.h>
#include <stdint.h>

/* Softmax of c logits divided by the temperature. */
void nn_softmax(const float *logits, float *prob, size_t c, float temperature);
float nn_sigmoid(float x);

/* Each returns weight * loss and adds weight * its gradient to d (NULL: not wanted). */
/* -sum_k t_k log softmax(logits)_k; t sums to 1. */
double nn_loss_class(const float *logits, const float *t, float *d, size_t c, double weight);
/* mean_k binary cross-entropy of sigmoid(logits_k) against t_k. */
double nn_loss_multi(const float *logits, const float *t, float *d, size_t c, double weight);
/* t^2 KL(softmax(teacher / t) || softmax(logits / t)); of multi the mean over yes and no of each.
 */
double nn_loss_soft_class(const float *logits, const float *teacher, float *d, size_t c, float t,
			  double weight);
double nn_loss_soft_multi(const float *logits, const float *teacher, float *d, size_t c, float t,
			  double weight);
/* nn_loss_class where t is the share of each of c classes among n > 0 ids; one comes as often as it
 * counts. */
double nn_loss_bag(const float *logits, size_t c, const uint32_t *ids, size_t n, float *d,
		   double weight);
/* (y - t)^2 / 2 */
double nn_loss_value(const float *y, float t, float *d, double weight);

#endif
