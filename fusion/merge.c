/* SPDX-License-Identifier: Apache-2.0
 * merge.c - pages into rows.
 *
 *   g       the smallest group for which Σ_pages ⌈rows / g⌉ ≤ FU_ROWS_MAX; 1 = nothing is averaged
 *   forward    y_r = mean of the n_r rows of group r     backward   dx_i += dy_r / n_r
 *
 * A page of n rows becomes ⌈n / g⌉ groups of nearly equal size, none across two pages, so that
 * each has a place that a person can look up. */
#include "fusion/merge.h"

#include "core/tensor/rows.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static size_t groups(const size_t *rows, size_t pages, size_t g)
{
	size_t n = 0;

	for (size_t i = 0; i < pages; i++) {
		n += (rows[i] + g - 1) / g;
	}
	return n;
}

void fu_merge_plan(struct fu_merge *m, const size_t *rows, size_t pages)
{
	size_t g = 1;

	assert(pages <= IO_PAGES_MAX);
	while (groups(rows, pages, g) > FU_ROWS_MAX) {
		g++;
	}
	m->rows = 0;
	for (size_t i = 0; i < pages; i++) {
		const size_t n = (rows[i] + g - 1) / g;

		for (size_t k = 0; k < n; k++) {
			const size_t first = k * rows[i] / n;

			m->row[m->rows].page = (uint32_t)i;
			m->row[m->rows].first = (uint32_t)first;
			m->row[m->rows].n = (uint32_t)((k + 1) * rows[i] / n - first);
			m->rows++;
		}
	}
}

void fu_merge_fwd(const struct fu_merge *m, const float *const *x, float *y, size_t dim)
{
	memset(y, 0, m->rows * dim * sizeof *y);
	for (size_t r = 0; r < m->rows; r++) {
		const size_t n = m->row[r].n;
		const float *from = x[m->row[r].page] + m->row[r].first * dim;

		for (size_t k = 0; k < n; k++) {
			tn_axpy(y + r * dim, 1.0F / (float)n, from + k * dim, dim);
		}
	}
}

void fu_merge_bwd(const struct fu_merge *m, const float *dy, float *const *dx, size_t dim)
{
	for (size_t r = 0; r < m->rows; r++) {
		const size_t n = m->row[r].n;
		float *to = dx[m->row[r].page] + m->row[r].first * dim;

		for (size_t k = 0; k < n; k++) {
			tn_axpy(to + k * dim, 1.0F / (float)n, dy + r * dim, dim);
		}
	}
}

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* Cuts s to at most n bytes, not within a UTF-8 character. */
static void cut(char *s, size_t n)
{
	if (strlen(s) <= n) {
		return;
	}
	while (n > 0 && ((unsigned char)s[n] & 0xC0U) == 0x80U) {
		n--;
	}
	s[n] = '\0';
}

/* First and last bytes, and the words between which they lie. */
static void span(struct assay_place *out, const struct assay_place *p, size_t n)
{
	char label[2 * sizeof out->label + sizeof " .. "];

	for (size_t k = 1; k < n; k++) {
		out->a = min_u32(out->a, p[k].a);
		out->b = max_u32(out->b, p[k].b);
	}
	if (p[n - 1].label[0] != '\0') {
		(void)snprintf(label, sizeof label, "%.43s .. %.43s", p[0].label, p[n - 1].label);
		cut(label, sizeof out->label - 1);
		memcpy(out->label, label, strlen(label) + 1);
	}
}

/* The smallest box around those that have one; a label stays only where it is that of every row. */
static void box(struct assay_place *out, const struct assay_place *p, size_t n)
{
	uint32_t right = 0;
	uint32_t bottom = 0;

	out->a = out->b = UINT32_MAX;
	for (size_t k = 0; k < n; k++) {
		if (p[k].c > 0 && p[k].d > 0) {
			out->a = min_u32(out->a, p[k].a);
			out->b = min_u32(out->b, p[k].b);
			right = max_u32(right, p[k].a + p[k].c);
			bottom = max_u32(bottom, p[k].b + p[k].d);
		}
		if (strncmp(out->label, p[k].label, sizeof out->label) != 0) {
			out->label[0] = '\0';
		}
	}
	if (right == 0) {
		out->a = out->b = 0;
	}
	out->c = right - out->a;
	out->d = bottom - out->b;
}

void fu_merge_places(const struct fu_merge *m, const char *modality,
		     const struct assay_place *const *place, struct assay_place *out)
{
	for (size_t r = 0; r < m->rows; r++) {
		const struct assay_place *p = place[m->row[r].page] + m->row[r].first;
		const size_t n = m->row[r].n;

		out[r] = p[0];
		out[r].label[sizeof out[r].label - 1] = '\0';
		if (n > 1 && strcmp(modality, "text") == 0) {
			span(&out[r], p, n);
		} else if (n > 1 && strcmp(modality, "image") == 0) {
			box(&out[r], p, n);
		}
	}
}
