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
run() { # RUNNER: what it came to is in RUNNER.sum
    rm -f "$1.json" "$1.sum"
    start=$(date +%s) code=0
    "$1" --quiet --jobs "$jobs" --json="$1.json" ${filter:+--filter "$filter"} || code=1
    p=$(number "$1.json" passed)
    f=$(number "$1.json" failed)
    printf '%-24s %4s passed %3s failed %4s s\n' "$(basename "$1")" "${p:-0}" "${f:-?}" $(($(date +%s) - start))
    echo "${p:-0} ${f:-0} $code" >"$1.sum"
}
# One test at a time leaves a core idle: the end-to-end tests, which mostly wait, go beside the others.
beside() { case $out in *-asan) [ "$(basename "$1")" = e2e ] ;; *) false ;; esac; }
for t in "$@"; do ! beside "$t" || run "$t" & done
for t in "$@"; do beside "$t" || run "$t"; done
wait
for t in "$@"; do
    read -r p f code <"$t.sum"
    ran=$((ran + p)) failed=$((failed + f))
    [ "$code" = 0 ] || bad=1
done
if ls "$san"/* >/dev/null 2>&1; then
    cat "$san"/*
    bad=1
fi
[ "$ran" -gt 0 ] || { echo "no test ran"; bad=1; }
echo "$ran passed, $failed failed"
exit $bad
