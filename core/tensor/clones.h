/* SPDX-License-Identifier: Apache-2.0
 * clones.h - compiles a row kernel for x86-64, AVX2 and AVX-512; the processor chooses at load.
 *
 * A sum over a row has 16 lanes: element j belongs to lane j mod 16, and the lanes are added in one
 * fixed tree. Each compiler's vectors then hold the same partial sums, and with -ffp-contract=off
 * the bits agree on all three. Sanitizers run before ifunc resolvers may: no clones there. */
#ifndef TN_CLONES_H
#define TN_CLONES_H

/* gcc only: clang 14 names the clones' dispatcher so that no other file finds it. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__OPTIMIZE__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define CLONES
#endif

#endif
