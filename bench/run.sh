#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh OUT PEERS THREADS [DATA] - all of bench and, where they are installed in PEERS (`make
# bench-peers`), what a user would take instead, in one run; with DATA the whole daemon too. With one
# thread everything is timed by the seconds of a core, and the tables of two stay as they are. Writes
# build/bench.json and the tables of
# docs/performance.md between its marks.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
out=$1 peers=$2 threads=$3 data=${4:-}
lines=$here/build/bench.tsv
python=/usr/bin/python3
all=$(printf '%s\n' 1 "$threads" | sort -nu)
piece=$(mktemp)
trap 'rm -f "$piece"' EXIT
# The lines that a command prints; where it fails the run ends.
add() {
    "$@" >"$piece"
    tee -a "$lines" <"$piece"
}

: >"$lines"
if [ ! -d "$peers/node_modules/onnxruntime-node" ] || ! "$python" -c 'import torch, onnx' 2>/dev/null; then
    echo 'bench: SKIPPED: PyTorch and ONNX Runtime are not there (make bench-peers installs them)' >&2
else
    for t in $all; do
        add "$python" -W ignore "$here/bench/peers/network.py" "$peers" "$t" 2>/dev/null
        add node "$here/bench/peers/onnx.js" "$peers" "$t"
    done
    add "$python" -W ignore "$here/bench/peers/train.py" 2>/dev/null
fi
for t in $all; do
    add "$out/bin/bench" "$t" network
done
for what in kernels train attention; do
    add "$out/bin/bench" 1 "$what"
done
if [ -n "$data" ]; then
    add "$here/bench/trained.sh" "$out" "$data"
    add "$here/bench/daemon.sh" "$out" "$data"
fi

jq -R -s '[split("\n")[] | select(. != "") | split("\t")] as $all
    | ($all | map({ (.[1]): (.[2] | tonumber) }) | add) as $value
    | [$all[] | { name: .[1], value: (.[2] | tonumber), spread: (.[3] | tonumber), unit: .[4],
        peer: (if .[5] == "-" then null else .[5] end),
        ratio: (if .[5] != "-" and $value[.[5]] then (.[2] | tonumber) / $value[.[5]] else null end),
        section: .[0] }]' "$lines" >"$here/build/bench.json"

table() { # section
    printf '\n| what | median | spread | against | ratio |\n|---|---|---|---|---|\n'
    jq -r --arg s "$1" '.[] | select(.section == $s)
        | "| \(.name) | \(.value) \(.unit) | \(.spread) % | \(.peer // "") | \(
            if .ratio then (.ratio * 100 | round / 100) else "" end) |"' "$here/build/bench.json"
    echo
}
doc=$here/docs/performance.md
for s in network core kernels train gates attention daemon; do
    grep -q "^$s" "$lines" || continue
    table "$s" >"$here/build/bench-$s.md"
    awk -v s="$s" -v f="$here/build/bench-$s.md" '
        $0 == "<!-- bench " s " -->" { print; while ((getline l < f) > 0) print l; skip = 1; next }
        $0 == "<!-- end -->" { skip = 0 }
        !skip' "$doc" >"$here/build/bench.md"
    cp "$here/build/bench.md" "$doc"
done
