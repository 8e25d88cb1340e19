/* SPDX-License-Identifier: Apache-2.0
 * q8_onednn.c - oneDNN compiles a product for each number of rows (0.5 to 2.6 ms, once; a number
 * known only at run time is ten times slower), so n rows are taken as at most 256 at a time, then
 * what is left in multiples of 16 and in 8, 4, 2, 1: 20 sizes, nothing padded. */
#include "core/tensor/q8_onednn.h"

#include "core/base/buf.h"

#include <assert.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	SIZES = 20, /* row counts that a product is made for: 1 2 4 8, 16 32 .. 256 */
	STEP = 16,
	SCRATCH = 64 << 10, /* bytes that a product may want for itself */
	ALIGN = 64,
	CACHED = 512, /* products that oneDNN keeps */
};

/* The product for one number of rows. */
struct kernel {
	dnnl_primitive_t run;
	dnnl_memory_desc_t src, dst, scratch;
};

struct tn_onednn {
	size_t out, in;
	dnnl_engine_t engine;
	dnnl_memory_t packed; /* the weights in oneDNN's layout */
	void *packed_v;
	_Atomic(struct kernel *) kernel[SIZES];
};

/* OpenMP's own, libgomp: oneDNN asks it for the caller's number of threads. */
void omp_set_num_threads(int n);

/* oneDNN describes what it only reads by pointers that may write. */
static void *writable(const void *p)
{
	void *q;

	memcpy(&q, &p, sizeof q);
	return q;
}

/* The largest size of at most n rows and at most `most`, and its place in the table. */
static size_t size_of(size_t n, size_t most, size_t *place)
{
	const size_t m = n < most ? n : most;

	if (m >= STEP) {
		*place = 3 + m / STEP;
		return m / STEP * STEP;
	}
	*place = m >= 8 ? 3 : m >= 4 ? 2 : m >= 2 ? 1 : 0;
	return (size_t)1 << *place;
}

static void kernel_close(struct kernel *k)
{
	if (k != NULL) {
		(void)dnnl_primitive_destroy(k->run);
		free(k);
	}
}

/* Describes x [rows, in] W' with the weights as `weights` has them; the caller destroys *pd. */
static dnnl_status_t describe(const struct tn_onednn *q, size_t rows,
			      const dnnl_memory_desc_t *weights, struct kernel *k,
			      dnnl_primitive_desc_t *pd)
{
	const dnnl_dims_t src = { (dnnl_dim_t)rows, (dnnl_dim_t)q->in };
	const dnnl_dims_t dst = { (dnnl_dim_t)rows, (dnnl_dim_t)q->out };
	dnnl_primitive_attr_t attr = NULL;
	dnnl_matmul_desc_t product;
	dnnl_status_t rc = dnnl_memory_desc_init_by_tag(&k->src, 2, src, dnnl_u8, dnnl_ab);

	rc = rc ? rc : dnnl_memory_desc_init_by_tag(&k->dst, 2, dst, dnnl_s32, dnnl_ab);
	rc = rc ? rc : dnnl_matmul_desc_init(&product, &k->src, weights, NULL, &k->dst);
	rc = rc ? rc : dnnl_primitive_attr_create(&attr);
	/* oneDNN's own scratch belongs to the thread that made the product, not to the caller. */
	rc = rc ? rc : dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
	rc = rc ? rc : dnnl_primitive_desc_create(pd, &product, attr, q->engine, NULL);
	(void)dnnl_primitive_attr_destroy(attr);
	return rc;
}

/* NULL where oneDNN has no such product, or one that wants more scratch than there is. */
static struct kernel *kernel_open(const struct tn_onednn *q, size_t rows)
{
	const dnnl_memory_desc_t *weights;
	const dnnl_memory_desc_t *scratch;
	struct kernel *k = as_calloc(1, sizeof *k);
	dnnl_primitive_desc_t pd = NULL;
	bool made = false;

	if (dnnl_memory_get_memory_desc(q->packed, &weights) == dnnl_success &&
	    describe(q, rows, weights, k, &pd) == dnnl_success) {
		scratch = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
		k->scratch = scratch != NULL ? *scratch : (dnnl_memory_desc_t){ 0 };
		made = dnnl_memory_desc_get_size(&k->scratch) <= SCRATCH &&
		       dnnl_primitive_create(&k->run, pd) == dnnl_success;
	}
	(void)dnnl_primitive_desc_destroy(pd);
	if (!made) {
		kernel_close(k);
		return NULL;
	}
	return k;
}

/* Two threads may make the same one: the first to be done is kept. */
static struct kernel *kernel_of(struct tn_onednn *q, size_t rows, size_t place)
{
	struct kernel *k = atomic_load(&q->kernel[place]);

	if (k == NULL) {
		struct kernel *mine = kernel_open(q, rows);

		if (mine == NULL) {
			return NULL;
		}
		if (atomic_compare_exchange_strong(&q->kernel[place], &k, mine)) {
			return mine;
		}
		kernel_close(mine);
	}
	return k;
}

static bool run(const struct tn_onednn *q, const struct kernel *k, const uint8_t *x, void *acc)
{
	char scratch[SCRATCH] __attribute__((aligned(ALIGN)));
	const dnnl_memory_desc_t *desc[] = { &k->src, &k->dst, &k->scratch };
	void *const at[] = { writable(x), acc, scratch };
	const int name[] = { DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD };
	dnnl_exec_arg_t arg[] = { { 0 }, { 0 }, { 0 }, { DNNL_ARG_WEIGHTS, q->packed } };
	dnnl_stream_t stream = NULL;
	dnnl_status_t rc = dnnl_stream_create(&stream, q->engine, dnnl_stream_default_flags);

	for (size_t i = 0; i < 3; i++) {
		arg[i].arg = name[i];
		rc = rc ? rc : dnnl_memory_create(&arg[i].memory, desc[i], q->engine, at[i]);
	}
	rc = rc ? rc : dnnl_primitive_execute(k->run, stream, 4, arg);
	rc = rc ? rc : dnnl_stream_wait(stream);
	for (size_t i = 0; i < 3; i++) {
		(void)dnnl_memory_destroy(arg[i].memory);
	}
	(void)dnnl_stream_destroy(stream);
	return rc == dnnl_success;
}

size_t tn_onednn_rows(size_t n, size_t most)
{
	size_t place;

	return size_of(n, most < TN_ONEDNN_ROWS ? most : TN_ONEDNN_ROWS, &place);
}

bool tn_onednn_mul(struct tn_onednn *q, const uint8_t *x, int32_t *acc, size_t rows)
{
	struct kernel *k;
	size_t place;

	omp_set_num_threads(1); /* of this thread: parallel cases beat parallel products */
	(void)size_of(rows, rows, &place);
	k = kernel_of(q, rows, place);
	return k != NULL && run(q, k, x, acc);
}

/* w' in the layout that the largest product likes; all sizes then take it. */
static dnnl_status_t pack(struct tn_onednn *q, const int8_t *w)
{
	const dnnl_dims_t dims = { (dnnl_dim_t)q->in, (dnnl_dim_t)q->out };
	const dnnl_memory_desc_t *want;
	dnnl_memory_desc_t desc;
	dnnl_primitive_desc_t pd = NULL;
	dnnl_primitive_desc_t move = NULL;
	dnnl_primitive_t reorder = NULL;
	dnnl_memory_t plain = NULL;
	dnnl_stream_t stream = NULL;
	struct kernel k;
	dnnl_status_t rc = dnnl_engine_create(&q->engine, dnnl_cpu, 0);

	rc = rc ? rc : dnnl_memory_desc_init_by_tag(&desc, 2, dims, dnnl_s8, dnnl_format_tag_any);
	rc = rc ? rc : describe(q, TN_ONEDNN_ROWS, &desc, &k, &pd);
	if (rc == dnnl_success) {
		want = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
		q->packed_v = aligned_alloc(ALIGN, (dnnl_memory_desc_get_size(want) + ALIGN - 1) /
						       ALIGN * ALIGN);
		rc = dnnl_memory_create(&q->packed, want, q->engine, q->packed_v);
		rc = rc ? rc : dnnl_memory_desc_init_by_tag(&desc, 2, dims, dnnl_s8, dnnl_ba);
		rc = rc ? rc : dnnl_memory_create(&plain, &desc, q->engine, writable(w));
		rc = rc ? rc
			: dnnl_reorder_primitive_desc_create(&move, &desc, q->engine, want,
							     q->engine, NULL);
		rc = rc ? rc : dnnl_primitive_create(&reorder, move);
		rc = rc ? rc : dnnl_stream_create(&stream, q->engine, dnnl_stream_default_flags);
	}
	if (rc == dnnl_success) {
		const dnnl_exec_arg_t arg[] = { { DNNL_ARG_FROM, plain },
						{ DNNL_ARG_TO, q->packed } };

		rc = dnnl_primitive_execute(reorder, stream, 2, arg);
		rc = rc ? rc : dnnl_stream_wait(stream);
	}
	(void)dnnl_stream_destroy(stream);
	(void)dnnl_primitive_destroy(reorder);
	(void)dnnl_primitive_desc_destroy(move);
	(void)dnnl_memory_destroy(plain);
	(void)dnnl_primitive_desc_destroy(pd);
	return rc;
}

bool tn_has_amx(void)
{
	const unsigned amx = (unsigned)dnnl_cpu_isa_avx512_core_amx;

	return ((unsigned)dnnl_get_effective_cpu_isa() & amx) == amx;
}

struct tn_onednn *tn_onednn_open(const int8_t *w, size_t out, size_t in)
{
	struct tn_onednn *q = as_calloc(1, sizeof *q);

	q->out = out;
	q->in = in;
	omp_set_num_threads(1);
	(void)dnnl_set_primitive_cache_capacity(CACHED);
	if (pack(q, w) != dnnl_success) {
		tn_onednn_close(q);
		return NULL;
	}
	return q;
}

void tn_onednn_close(struct tn_onednn *q)
{
	if (q == NULL) {
		return;
	}
	for (size_t i = 0; i < SIZES; i++) {
		kernel_close(atomic_load(&q->kernel[i]));
	}
	(void)dnnl_memory_destroy(q->packed);
	(void)dnnl_engine_destroy(q->engine);
	free(q->packed_v);
	free(q);
}
