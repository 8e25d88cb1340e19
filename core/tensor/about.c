/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor/about.h"

#include "core/tensor/f32.h"

#include <oneapi/dnnl/dnnl.h>

static const char *isa_name(void)
{
	static const struct {
		dnnl_cpu_isa_t isa;
		const char *name;
	} known[] = {
		{ dnnl_cpu_isa_avx512_core_amx, "amx_int8" },
		{ dnnl_cpu_isa_avx512_core_bf16, "avx512_vnni" },
		{ dnnl_cpu_isa_avx512_core_vnni, "avx512_vnni" },
		{ dnnl_cpu_isa_avx512_core, "avx512" },
		{ dnnl_cpu_isa_avx2, "avx2" },
	};
	const unsigned has = (unsigned)dnnl_get_effective_cpu_isa();

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if ((has & (unsigned)known[i].isa) == (unsigned)known[i].isa) {
			return known[i].name;
		}
	}
	return "sse4.1";
}

void tn_about(struct as_buf *out)
{
	const dnnl_version_t *v = dnnl_version();

	as_buf_printf(out, "float32 by %s\n",
		      tn_has_avx512() ? "AVX-512"
		      : tn_has_avx2() ? "AVX2 and FMA"
				      : "plain C");
	as_buf_printf(out, "oneDNN %d.%d.%d\n", v->major, v->minor, v->patch);
	as_buf_printf(out, "%s\n", isa_name());
}
