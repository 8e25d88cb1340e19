#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run-tests.sh OUT FILTER RUNNER... - runs each Criterion binary; fails on a failed test, on a run
# of zero tests, and on any sanitizer report (Criterion itself ignores leaks).
set -eu
out=$1 filter=$2
shift 2
san=$(pwd)/$out/san
rm -rf "$san" && mkdir -p "$san"
export ASAN_OPTIONS="log_path=$san/asan:detect_leaks=1" UBSAN_OPTIONS="log_path=$san/ubsan:print_stacktrace=1"
export LSAN_OPTIONS="suppressions=$(pwd)/tests/support/lsan.supp:print_suppressions=0"
export ASSAY_DATA="${ASSAY_DATA-$(pwd)/../shared/data}"
export VIPS_CONCURRENCY=1
# Criterion's runner leaks 48 bytes of its own now and then when it runs several tests at once.
case $out in *-asan) jobs=1 ;; *) jobs=${JOBS:-2} ;; esac
bad=0 ran=0 failed=0
number() { sed -n "s/.*\"$2\": *\([0-9]*\).*/\1/p" "$1" 2>/dev/null | head -1; }
for t in "$@"; do
    rm -f "$t.json"
    start=$(date +%s)
    "$t" --quiet --jobs "$jobs" --json="$t.json" ${filter:+--filter "$filter"} || bad=1
    p=$(number "$t.json" passed)
    f=$(number "$t.json" failed)
    ran=$((ran + ${p:-0})) failed=$((failed + ${f:-0}))
    printf '%-24s %4s passed %3s failed %4s s\n' "$(basename "$t")" "${p:-0}" "${f:-?}" $(($(date +%s) - start))
done
if ls "$san"/* >/dev/null 2>&1; then
    cat "$san"/*
    bad=1
fi
[ "$ran" -gt 0 ] || { echo "no test ran"; bad=1; }
echo "$ran passed, $failed failed"
exit $bad
