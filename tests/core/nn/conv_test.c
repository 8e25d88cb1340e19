/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/core/nn/layers.h"

struct shape {
	size_t h, w, in, out, stride;
};

static const struct shape shapes[] = {
	{ 1, 1, 1, 2, 1 }, { 1, 1, 2, 1, 2 }, { 2, 2, 1, 1, 2 }, { 1, 6, 2, 2, 1 },
	{ 5, 4, 2, 3, 1 }, { 5, 4, 2, 3, 2 }, { 4, 7, 3, 2, 2 },
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void conv_start(struct probe *p, struct conv_probe *l, const struct shape *s)
{
	const size_t oh = (s->h + s->stride - 1) / s->stride;
	const size_t ow = (s->w + s->stride - 1) / s->stride;

	*p = (struct probe){ .layer = l,
			     .n = 1,
			     .nx = s->h * s->w * s->in,
			     .ny = oh * ow * s->out,
			     .fwd = conv_fwd,
			     .bwd = conv_bwd };
	*l = (struct conv_probe){ .h = s->h, .w = s->w };
	nn_conv_init(&l->layer, &p->ps, "l", s->in, s->out, s->stride);
	probe_start(p, s->h + s->w);
}

Test(nn_conv, gradients_match_central_differences)
{
	for (size_t i = 0; i < SHAPES; i++) {
		struct conv_probe l;
		struct probe p;

		conv_start(&p, &l, &shapes[i]);
		probe_check(&p, 1e-3);
		probe_adds(&p);
		probe_free(&p);
	}
}

/* One output number by the sum over the kernel, zero outside the picture. */
static double naive(const struct probe *p, const struct shape *s, size_t i, size_t j, size_t o)
{
	const struct conv_probe *l = p->layer;
	double sum = (double)p->ps.v[l->layer.b + o];

	for (size_t t = 0; t < 9; t++) {
		const size_t r = i * s->stride + t / 3; /* one more than the row */
		const size_t q = j * s->stride + t % 3;

		if (r < 1 || r > s->h || q < 1 || q > s->w) {
			continue;
		}
		for (size_t c = 0; c < s->in; c++) {
			sum += (double)p->x[((r - 1) * s->w + q - 1) * s->in + c] *
			       (double)p->ps.v[l->layer.w + (o * 9 + t) * s->in + c];
		}
	}
	return sum;
}

Test(nn_conv, forward_is_the_sum_over_the_kernel)
{
	for (size_t n = 0; n < SHAPES; n++) {
		const struct shape *s = &shapes[n];
		const size_t ow = (s->w + s->stride - 1) / s->stride;
		struct conv_probe l;
		struct probe p;

		conv_start(&p, &l, s);
		probe_fwd(&p);
		for (size_t i = 0; i < p.ny; i++) {
			const size_t at = i / s->out;

			cr_assert(epsilon_eq(dbl, (double)p.y[i],
					     naive(&p, s, at / ow, at % ow, i % s->out), 1e-5));
		}
		probe_free(&p);
	}
}

Test(nn_conv, a_gradient_of_x_that_nobody_wants_is_not_made)
{
	struct conv_probe l;
	struct probe p;

	conv_start(&p, &l, &shapes[5]);
	probe_fwd(&p);
	nn_conv_bwd(&l.layer, p.s.p, p.s.g, p.act, &p.mem, p.dy, NULL);
	cr_assert(lt(flt, 0.0F, fabsf(p.s.g[l.layer.b])));
	probe_free(&p);
}
