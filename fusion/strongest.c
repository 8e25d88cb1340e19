/* SPDX-License-Identifier: Apache-2.0
 * strongest.c - strength of a pair of places: A_ij n', where n' is the number of rows that row i
 * could choose from, so that 1 means "as likely as any other". */
#include "fusion/strongest.h"

#include <string.h>

/* A pooled row has no place of its own: an empty span, an empty box, nothing at all. */
static bool has_place(const struct assay_place *p)
{
	return p->label[0] != '\0' || p->a != 0 || p->b != 0 || p->c != 0 || p->d != 0;
}

static bool same_place(const struct assay_place *x, const struct assay_place *y)
{
	return x->page == y->page && x->a == y->a && x->b == y->b && x->c == y->c && x->d == y->d;
}

static bool same_pair(const struct fu_alignment *x, const struct fu_alignment *y)
{
	if (x->from == y->from && x->to == y->to) {
		return same_place(&x->from_place, &y->from_place) &&
		       same_place(&x->to_place, &y->to_place);
	}
	return x->from == y->to && x->to == y->from && same_place(&x->from_place, &y->to_place) &&
	       same_place(&x->to_place, &y->from_place);
}

/* Puts c where its strength belongs; what is weaker moves down, the last falls out. */
static size_t insert(struct fu_alignment *out, size_t n, size_t max, const struct fu_alignment *c)
{
	size_t at;

	for (at = 0; at < n && !same_pair(&out[at], c); at++) {
	}
	if (at < n && out[at].strength >= c->strength) {
		return n;
	}
	if (at == n) {
		if (n == max && out[n - 1].strength >= c->strength) {
			return n;
		}
		n += n < max ? 1 : 0;
		at = n - 1;
	}
	while (at > 0 && out[at - 1].strength < c->strength) {
		out[at] = out[at - 1];
		at--;
	}
	out[at] = *c;
	return n;
}

/* Both directions between row i of part m and row k of part o. */
static struct fu_alignment between(const struct fu_act *a, struct assay_place *const *place,
				   const size_t m, size_t i, size_t o, size_t k)
{
	const float there = a->align.a[m][o][i * a->rows[o] + k] * (float)a->rows[o];
	const float back = a->align.a[o][m][k * a->rows[m] + i] * (float)a->rows[m];
	const bool turn = back > there;

	return (struct fu_alignment){
		.strength = turn ? back : there,
		.from = (uint32_t)(turn ? o : m),
		.to = (uint32_t)(turn ? m : o),
		.from_place = turn ? place[o][k] : place[m][i],
		.to_place = turn ? place[m][i] : place[o][k],
	};
}

size_t fu_strongest(const struct fu_model *m, const struct fu_act *a,
		    struct assay_place *const place[IO_PARTS_MAX], struct fu_alignment *out,
		    size_t max)
{
	size_t n = 0;

	for (size_t p = 0; p < m->parts * m->parts; p++) {
		const size_t one = p / m->parts;
		const size_t two = p % m->parts;

		if (one >= two || a->align.a[one][two] == NULL) {
			continue;
		}
		for (size_t r = 0; r < a->rows[one] * a->rows[two]; r++) {
			const size_t i = r / a->rows[two];
			const size_t k = r % a->rows[two];
			const struct fu_alignment c = between(a, place, one, i, two, k);

			if (c.strength > 1.0F && has_place(&place[one][i]) &&
			    has_place(&place[two][k])) {
				n = insert(out, n, max, &c);
			}
		}
	}
	return n;
}
