#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz.sh OUT SECONDS NAME... - runs fuzzers from their corpora. What they learn stays in
# build/fuzz/NAME, what they find in build/fuzz/found: a finding is mended and then added to
# tests/fuzz/corpus/NAME.
set -eu
out=$1 seconds=$2
shift 2
found=build/fuzz/found
mkdir -p "$found"
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
export LSAN_OPTIONS="suppressions=$(pwd)/tests/support/lsan.supp:print_suppressions=0"
export VIPS_CONCURRENCY=1
bad=0
for name in "$@"; do
    mkdir -p "build/fuzz/$name"
    log=build/fuzz/$name.log
    if "$out/fuzz/$name" -max_total_time="$seconds" -max_len=65536 -timeout=20 -rss_limit_mb=4096 \
        -artifact_prefix="$found/$name-" -print_final_stats=1 "build/fuzz/$name" \
        "tests/fuzz/corpus/$name" >"$log" 2>&1; then
        printf '%-10s %s inputs tried, none of them bad\n' "$name" \
            "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
    else
        bad=1
        printf '%-10s FOUND: see %s\n' "$name" "$log"
        grep -E 'ERROR|SUMMARY|Test unit written' "$log" || tail -20 "$log"
    fi
done
exit $bad
