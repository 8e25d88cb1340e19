#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# latency.sh OUT TASK CASES.csv [RUNS] - the same cases judged in process (`assay judge`) and one
# after the other through the daemon over ipc, in turn, RUNS times (5); medians in milliseconds, and
# the proportional memory (Pss) of the daemon with its workers. Trains a short model first.
set -eu
bin=$(cd "$1" && pwd)/bin
task=$2 data=$3 runs=${4:-5}
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/assay-latency.XXXXXX")
daemon=
finish() {
    trap - EXIT INT TERM
    [ -z "$daemon" ] || { kill "$daemon" 2>/dev/null && wait "$daemon" 2>/dev/null || true; }
    rm -rf "$work"
}
trap finish EXIT
trap 'finish; exit 130' INT TERM
median() { sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }

"$bin/assay" train "$task" --data "$data" --out "$work/model.safetensors" --epochs 2 >/dev/null 2>&1
cp "$here/examples/breast/assayd.ini" "$work/"
export ASSAY_RUNTIME="$work/run"
for i in $(seq "$runs"); do
    rm -rf "$work/state"
    "$bin/assayd" -c "$work/assayd.ini" 2>"$work/log" &
    daemon=$!
    "$bin/assay" status --wait-ready 60 >/dev/null
    "$bin/assay" judge "$work/model.safetensors" --data "$data" --json 2>/dev/null |
        jq -r '.data.ms | add' | median >>"$work/judge"
    "$bin/assay" submit --stream breast --data "$data" --one-by-one --json 2>/dev/null |
        jq -r 'def s: (sub("\\.[0-9]+Z$"; "Z") | fromdate) + (capture("(?<f>\\.[0-9]+)Z$").f | tonumber);
            (.time | s) - (.data.received | s) | . * 1000' | median >>"$work/daemon"
    if [ "$i" = "$runs" ]; then
        for p in $daemon $(cat /proc/"$daemon"/task/*/children); do
            awk -v p="$(cat /proc/"$p"/comm)" '/^Pss:/ { printf "pss %-14s %6.1f MB\n", p, $2 / 1024 }' "/proc/$p/smaps_rollup"
        done | tee "$work/pss"
        awk '{ s += $3 } END { printf "pss all            %6.1f MB\n", s }' "$work/pss"
    fi
    kill "$daemon" && wait "$daemon" || true
    daemon=
done
paste "$work/judge" "$work/daemon" | awk '{ printf "run %d: judge %.2f ms, daemon %.2f ms, difference %.2f ms\n", NR, $1, $2, $2 - $1 }'
printf 'median: judge %.2f ms, daemon %.2f ms\n' "$(median <"$work/judge")" "$(median <"$work/daemon")"
