/* SPDX-License-Identifier: Apache-2.0
 * scatter.c - scattering transform of a picture, and what its planes come to.
 *
 *   u_0  = luminance (mean of the channels)       u_j = every second place of b * u_(j-1)
 *   m_jk = |psi_k * u_j|                          first order: octave j = 0 .. 3, direction k
 *   m_jkil = |psi_l * L^(i-j) m_jk|               second order: i > j; L: as from u_(j-1) to u_j
 *   psi_k(r) = g(r) (e^(i xi r t_k) - beta_k)     t_k at 30 k degrees, beta_k: so that its sum is 0
 *   c = (m + eps)^(1/4)
 *
 *   y: mean, sd and the means of 3 x 3 cells of each c of the first order, each followed by mean
 *      and sd of every c of the second that comes from it; those of u_3 at the end.
 *
 * g is a gaussian of sd 1 on 9 x 9 places and b binomial of 5 x 5; the picture is mirrored at its
 * borders. g and e^(i xi r t) are products of a function of the row and one of the column: 9 + 9
 * multiply-adds a place instead of 81. 180 - 30 k degrees take the rows of 30 k, conjugated.
 *
 * Mallat, "Group invariant scattering" (2012), arXiv:1101.2286; Bruna, Mallat, "Invariant
 * scattering convolution networks" (2013), arXiv:1203.1513, sections 2 and 3; below a network that
 * learns: Oyallon, Belilovsky, Zagoruyko, "Scaling the scattering transform" (2017),
 * arXiv:1703.08961. The root stands for their logarithm and needs nothing but IEEE square roots. */
#include "encoders/image/scatter.h"

#include "core/tensor/clones.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum {
	LEVELS = ENC_SCATTER_LEVELS,
	TURNS = ENC_SCATTER_TURNS,
	CELLS = ENC_SCATTER_CELLS,
	HALF = 4,
	TAPS = 2 * HALF + 1,
	WAVES = TURNS / 2 + 1, /* |cos t_k| = 1, 0.87, 0.5, 0 */
	G = 2 * (WAVES - 1),   /* the plane of rows filtered by g alone */
	BLUR = 2,              /* half of b's side */
};

static const double XI = 2.2;   /* radians a place */
static const float EPS = 1e-3F; /* of m, before the root */
static const float b[] = { 0.0625F, 0.25F, 0.375F, 0.25F, 0.0625F };

struct bank {
	float row[WAVES][2][TAPS]; /* real, imaginary; the last wave's real part is g */
	float col[TURNS][2][TAPS];
	float beta[TURNS];
};

struct plane {
	float *v; /* [h, w] */
	size_t h, w;
};

/* What enc_scatter works in; sizes are those of the picture, the first plane that is filtered. */
struct scratch {
	struct bank bank;
	float *waves; /* [WAVES, 2, h + 2 HALF, w]: rows filtered, mirrored above and below */
	float *low;   /* [h, w]: g * what was filtered */
	float *line;  /* [w + 2 HALF]: one row, mirrored on both sides */
	float *part;  /* [h, w / 2]: blurred along rows */
	float *sums;  /* [2, w] */
	float *m;     /* [TURNS, h, w] */
	float *one;   /* [h / 2, w / 2]: a plane of the second order */
	float *u[2];  /* [h, w] and [h / 2, w / 2]: what is passed down, in turn */
	float *d[2];  /* [h / 2, w / 2] each: likewise, of a plane of the first order */
};

static double wave(double *re, double *im, double t)
{
	double sum = 0;
	double real = 0;

	for (int i = 0; i < TAPS; i++) {
		sum += exp(-0.5 * (i - HALF) * (i - HALF));
	}
	for (int i = 0; i < TAPS; i++) {
		const double g = exp(-0.5 * (i - HALF) * (i - HALF)) / sum;

		re[i] = g * cos(XI * t * (i - HALF));
		im[i] = g * sin(XI * t * (i - HALF));
		real += re[i];
	}
	return real; /* the imaginary part is odd: its sum is 0 */
}

static void taps(float to[2][TAPS], double t, double sign, double *sum)
{
	double re[TAPS];
	double im[TAPS];

	*sum = wave(re, im, t);
	for (size_t i = 0; i < TAPS; i++) {
		to[0][i] = (float)re[i];
		to[1][i] = (float)(sign * im[i]);
	}
}

static size_t wave_of(size_t turn)
{
	return turn < WAVES ? turn : TURNS - turn;
}

static void make_bank(struct bank *f)
{
	const double pi = 3.14159265358979323846;
	double row[WAVES];
	double col;

	for (size_t k = 0; k < WAVES; k++) { /* at 90 degrees cos is 0 */
		taps(f->row[k], k < WAVES - 1 ? cos(pi * (double)k / TURNS) : 0, 1, &row[k]);
	}
	for (size_t k = 0; k < TURNS; k++) {
		taps(f->col[k], sin(pi * (double)k / TURNS), k < WAVES ? 1 : -1, &col);
		f->beta[k] = (float)(row[wave_of(k)] * col);
	}
}

/* i mirrored into [0, n), from at most n places outside. */
static size_t mirrored(long i, long n)
{
	i = i < 0 ? -i : i;
	i = i >= n ? 2 * n - 2 - i : i;
	return (size_t)(i < 0 ? 0 : i);
}

/* y_i = sum over t of k_t x_(i + t step), TAPS of them. */
CLONES static void filter(const float *restrict x, size_t step, const float *restrict k,
			  float *restrict y, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float sum = 0.0F;

		for (size_t t = 0; t < TAPS; t++) {
			sum += k[t] * x[i + t * step];
		}
		y[i] = sum;
	}
}

/* m = |(p + i q) * (c + i s) - m|, along columns: step is the width. */
CLONES static void modulus(const float *restrict c, const float *restrict s, size_t step,
			   const float *restrict p, const float *restrict q, float *restrict m,
			   size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float re = -m[i];
		float im = 0.0F;

		for (size_t t = 0; t < TAPS; t++) {
			const float x = c[i + t * step];
			const float y = s[i + t * step];

			re += p[t] * x - q[t] * y;
			im += p[t] * y + q[t] * x;
		}
		m[i] = sqrtf(re * re + im * im);
	}
}

/* Adds the roots of a row and their squares to what its columns have. */
CLONES static void add_roots(const float *restrict m, float *restrict sum, float *restrict square,
			     size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const float c = sqrtf(sqrtf(m[i] + EPS));

		sum[i] += c;
		square[i] += c * c;
	}
}

static void add_row(const float *x, float *sum, float *square, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		sum[i] += x[i];
		square[i] += x[i] * x[i];
	}
}

/* Mean and sd of a plane or of its roots, and of the first order the means of its cells; where what
 * comes behind it goes. */
static float *sum_up(const struct scratch *w, const struct plane *p, bool roots, bool cells,
		     float *y)
{
	float *cell = y + 2;
	double sum = 0;
	double square = 0;
	const double n = (double)(p->h * p->w);

	for (size_t i = 0; i < CELLS; i++) {
		const size_t r0 = i * p->h / CELLS;
		const size_t r1 = (i + 1) * p->h / CELLS;

		memset(w->sums, 0, 2 * p->w * sizeof *w->sums);
		for (size_t r = r0; r < r1; r++) {
			(roots ? add_roots : add_row)(p->v + r * p->w, w->sums, w->sums + p->w,
						      p->w);
		}
		for (size_t j = 0; j < CELLS; j++) {
			const size_t c0 = j * p->w / CELLS;
			const size_t c1 = (j + 1) * p->w / CELLS;
			double part = 0;

			for (size_t c = c0; c < c1; c++) {
				part += (double)w->sums[c];
				square += (double)w->sums[p->w + c];
			}
			sum += part;
			if (cells) {
				*cell++ = (float)(part / (double)((r1 - r0) * (c1 - c0)));
			}
		}
	}
	y[0] = (float)(sum / n);
	y[1] = (float)sqrt(fmax(square / n - sum / n * (sum / n), 0));
	return cell;
}

/* One row with HALF places more on both sides. */
static const float *mirror_row(const struct scratch *w, const float *x, size_t n)
{
	for (long i = -HALF; i < (long)n + HALF; i++) {
		w->line[i + HALF] = x[mirrored(i, (long)n)];
	}
	return w->line;
}

/* Plane `at` of the waves, with its mirrored rows. */
static float *wave_plane(const struct scratch *w, const struct plane *p, size_t at)
{
	return w->waves + at * (p->h + 2UL * HALF) * p->w;
}

static void filter_rows(const struct scratch *w, const struct plane *p)
{
	for (size_t r = 0; r < p->h; r++) {
		const float *line = mirror_row(w, p->v + r * p->w, p->w);

		for (size_t k = 0; k < 2 * (size_t)WAVES; k++) {
			filter(line, 1, w->bank.row[k / 2][k % 2],
			       wave_plane(w, p, k) + (r + HALF) * p->w, p->w);
		}
	}
	for (size_t k = 0; k < 2 * (size_t)WAVES; k++) {
		float *v = wave_plane(w, p, k) + (size_t)HALF * p->w;

		for (long r = -HALF; r < (long)p->h + HALF; r++) {
			if (r < 0 || r >= (long)p->h) {
				memcpy(v + r * (long)p->w, v + mirrored(r, (long)p->h) * p->w,
				       p->w * sizeof *v);
			}
		}
	}
	filter(wave_plane(w, p, G), p->w, w->bank.row[WAVES - 1][0], w->low, p->h * p->w);
}

/* m = |psi_k * p|, of a plane whose rows were filtered. */
static void turn(const struct scratch *w, const struct plane *p, size_t k, float *m)
{
	const size_t at = 2 * wave_of(k);

	for (size_t i = 0; i < p->h * p->w; i++) {
		m[i] = w->bank.beta[k] * w->low[i];
	}
	modulus(wave_plane(w, p, at), wave_plane(w, p, at + 1), p->w, w->bank.col[k][0],
		w->bank.col[k][1], m, p->h * p->w);
}

/* The plane with half as many places a side, in v. */
static struct plane halve(const struct scratch *w, const struct plane *p, float *v)
{
	const struct plane q = { v, (p->h + 1) / 2, (p->w + 1) / 2 };

	for (size_t r = 0; r < p->h; r++) {
		const float *line = mirror_row(w, p->v + r * p->w, p->w) + HALF - BLUR;

		for (size_t c = 0; c < q.w; c++, line += 2) {
			w->part[r * q.w + c] = b[0] * line[0] + b[1] * line[1] + b[2] * line[2] +
					       b[3] * line[3] + b[4] * line[4];
		}
	}
	for (size_t r = 0; r < q.h; r++) {
		memset(v + r * q.w, 0, q.w * sizeof *v);
		for (long t = -BLUR; t <= BLUR; t++) {
			const float *from = w->part + mirrored(2 * (long)r + t, (long)p->h) * q.w;

			for (size_t c = 0; c < q.w; c++) {
				v[r * q.w + c] += b[t + BLUR] * from[c];
			}
		}
	}
	return q;
}

/* What comes of one plane of the first order, of octave j. */
static float *second_order(const struct scratch *w, struct plane p, size_t j, float *y)
{
	for (size_t i = j + 1; i < LEVELS; i++) {
		p = halve(w, &p, w->d[i % 2]);
		filter_rows(w, &p);
		for (size_t l = 0; l < TURNS; l++) {
			turn(w, &p, l, w->one);
			y = sum_up(w, &(struct plane){ w->one, p.h, p.w }, true, false, y);
		}
	}
	return y;
}

/* n floats behind those that are used; from NULL: they are only counted. */
static float *take(float *from, size_t *used, size_t n)
{
	float *v = from != NULL ? from + *used : NULL;

	*used += (n + 15) / 16 * 16;
	return v;
}

static size_t carve(struct scratch *w, float *from, size_t size)
{
	const size_t n = size * size;
	size_t used = 0;

	w->waves = take(from, &used, (size_t)WAVES * 2 * (size + 2UL * HALF) * size);
	w->low = take(from, &used, n);
	w->line = take(from, &used, size + 2UL * HALF);
	w->part = take(from, &used, n / 2);
	w->sums = take(from, &used, 2 * size);
	w->m = take(from, &used, TURNS * n);
	w->one = take(from, &used, n / 4);
	for (size_t i = 0; i < 2; i++) {
		w->u[i] = take(from, &used, i == 0 ? n : n / 4);
		w->d[i] = take(from, &used, n / 4);
	}
	return used;
}

size_t enc_scatter_scratch(size_t size)
{
	struct scratch w;

	return carve(&w, NULL, size);
}

static void luminance(const float *x, size_t n, size_t channels, float *y)
{
	for (size_t i = 0; i < n; i++) {
		float sum = 0.0F;

		for (size_t c = 0; c < channels; c++) {
			sum += x[i * channels + c];
		}
		y[i] = sum / (float)channels;
	}
}

void enc_scatter(const float *x, size_t size, size_t channels, float *scratch, float *y)
{
	struct scratch w;
	struct plane u;

	(void)carve(&w, scratch, size);
	make_bank(&w.bank);
	u = (struct plane){ w.u[0], size, size };
	luminance(x, size * size, channels, u.v);
	for (size_t j = 0; j < LEVELS; j++) {
		u = j > 0 ? halve(&w, &u, w.u[j % 2]) : u;
		filter_rows(&w, &u);
		for (size_t k = 0; k < TURNS; k++) {
			turn(&w, &u, k, w.m + k * u.h * u.w);
		}
		for (size_t k = 0; k < TURNS; k++) {
			const struct plane m = { w.m + k * u.h * u.w, u.h, u.w };

			y = sum_up(&w, &m, true, true, y);
			y = second_order(&w, m, j, y);
		}
	}
	(void)sum_up(&w, &u, false, true, y);
}
