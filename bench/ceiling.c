/* SPDX-License-Identifier: Apache-2.0
 * ceiling.c - products by oneDNN alone, weights laid out beforehand where one can: what a
 * linear layer could cost at least. One core. */
#include "bench/bench.h"
#include "core/base/buf.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct bench_product {
	enum bench_library library;
	size_t n, out, in;
	float *x, *w, *y; /* whatever the type, room for floats */
	dnnl_engine_t engine;
	dnnl_stream_t stream;
	dnnl_primitive_t run;
	dnnl_exec_arg_t arg[3];
};

/* OpenMP's own, libgomp: oneDNN asks it for the caller's number of threads. */
void omp_set_num_threads(int n);

static void must(dnnl_status_t rc)
{
	if (rc != dnnl_success) {
		(void)fprintf(stderr, "bench: oneDNN says %d\n", (int)rc);
		exit(EXIT_FAILURE);
	}
}

static float *draw(size_t n)
{
	float *v = aligned_alloc(64, (n * sizeof *v + 63) / 64 * 64);

	for (size_t i = 0; i < n; i++) {
		v[i] = (float)(i * 2654435761U % 1000) / 1000.0F - 0.5F;
	}
	return v;
}

static void open_onednn(struct bench_product *p)
{
	static const dnnl_data_type_t from[] = { dnnl_f32, dnnl_bf16, dnnl_u8 };
	static const dnnl_data_type_t with[] = { dnnl_f32, dnnl_bf16, dnnl_s8 };
	const dnnl_data_type_t to = p->library == BENCH_ONEDNN_S8 ? dnnl_s32 : dnnl_f32;
	const dnnl_dims_t x = { (dnnl_dim_t)p->n, (dnnl_dim_t)p->in };
	const dnnl_dims_t w = { (dnnl_dim_t)p->in, (dnnl_dim_t)p->out };
	const dnnl_dims_t y = { (dnnl_dim_t)p->n, (dnnl_dim_t)p->out };
	dnnl_memory_desc_t dx;
	dnnl_memory_desc_t dw;
	dnnl_memory_desc_t dy;
	dnnl_matmul_desc_t product;
	dnnl_primitive_desc_t pd;
	const dnnl_memory_desc_t *packed;

	omp_set_num_threads(1);
	must(dnnl_engine_create(&p->engine, dnnl_cpu, 0));
	must(dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags));
	must(dnnl_memory_desc_init_by_tag(&dx, 2, x, from[p->library], dnnl_ab));
	must(dnnl_memory_desc_init_by_tag(&dw, 2, w, with[p->library], dnnl_format_tag_any));
	must(dnnl_memory_desc_init_by_tag(&dy, 2, y, to, dnnl_ab));
	must(dnnl_matmul_desc_init(&product, &dx, &dw, NULL, &dy));
	must(dnnl_primitive_desc_create(&pd, &product, NULL, p->engine, NULL));
	must(dnnl_primitive_create(&p->run, pd));
	packed = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
	free(p->w);
	p->w = draw(dnnl_memory_desc_get_size(packed));
	p->arg[0].arg = DNNL_ARG_SRC;
	p->arg[1].arg = DNNL_ARG_WEIGHTS;
	p->arg[2].arg = DNNL_ARG_DST;
	must(dnnl_memory_create(&p->arg[0].memory, &dx, p->engine, p->x));
	must(dnnl_memory_create(&p->arg[1].memory, packed, p->engine, p->w));
	must(dnnl_memory_create(&p->arg[2].memory, &dy, p->engine, p->y));
	must(dnnl_primitive_desc_destroy(pd));
}

struct bench_product *bench_product_open(enum bench_library library, size_t n, size_t out,
					 size_t in)
{
	struct bench_product *p = as_calloc(1, sizeof *p);

	*p = (struct bench_product){ .library = library,
				     .n = n,
				     .out = out,
				     .in = in,
				     .x = draw(n * in),
				     .w = draw(out * in),
				     .y = draw(n * out) };
	open_onednn(p);
	return p;
}

void bench_product_run(void *product)
{
	struct bench_product *p = product;

	must(dnnl_primitive_execute(p->run, p->stream, 3, p->arg));
	must(dnnl_stream_wait(p->stream));
}

void bench_product_close(struct bench_product *p)
{
	for (size_t i = 0; i < 3; i++) {
		(void)dnnl_memory_destroy(p->arg[i].memory);
	}
	(void)dnnl_primitive_destroy(p->run);
	(void)dnnl_stream_destroy(p->stream);
	(void)dnnl_engine_destroy(p->engine);
	free(p->y);
	free(p->w);
	free(p->x);
	free(p);
}
