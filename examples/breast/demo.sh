#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# demo.sh OUT [DATA] - the whole path: cases, training, the daemon, submitting, judgments.
# OUT is the build folder. Without DATA the cases are phantoms, made here; with it they are the
# patients of DATA/cases.csv (breast/before-biopsy.ini says which columns).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$1" && pwd)/bin
data=${2:-}
[ -z "$data" ] || data=$(cd "$data" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/assay-demo.XXXXXX")
daemon=
finish() {
    trap - EXIT INT TERM
    [ -z "$daemon" ] || { kill "$daemon" 2>/dev/null && wait "$daemon" 2>/dev/null || true; }
    rm -rf "$work"
}
trap finish EXIT
trap 'finish; exit 130' INT TERM
say() { printf '\n== %s\n' "$*"; }

cd "$work"
if [ -z "$data" ]; then
    task=$here/phantom.ini
    say "300 phantom cases to train on, 40 new ones to judge (made up: no patient's)"
    "$bin/phantom" --cases 300 --seed 1 --out train
    "$bin/phantom" --cases 40 --seed 2 --out new
else
    task=$here/before-biopsy.ini
    say "the patients of $data: one in eight kept back to judge, the others to train on"
    mkdir train new
    ln -s "$data/images" train/images
    ln -s "$data/images" new/images
    awk 'NR == 1 || NR % 8 != 0' "$data/cases.csv" >train/cases.csv
    awk 'NR == 1 || NR % 8 == 0' "$data/cases.csv" >new/cases.csv
fi

say "assay train $(basename "$task")"
"$bin/assay" train "$task" --data train/cases.csv --out model.safetensors

say "assay eval, on the cases that training did not see"
"$bin/assay" eval model.safetensors --data new/cases.csv

say "assayd"
cp "$here/assayd.ini" .
"$bin/assayd" -c assayd.ini 2>daemon.log &
daemon=$!
export ASSAY_RUNTIME="$work/run"
"$bin/assay" status --wait-ready 60 || { cat daemon.log >&2; exit 1; }

say "assay submit"
"$bin/assay" submit --stream breast --data new/cases.csv --wait --json >judgments.jsonl

# conflict, probability, label and case of each judgment, a line each
sed -n 's/.*"subject":"\([^"]*\)".*"label":"\([^"]*\)","probability":\([0-9.e-]*\).*"conflict":\([0-9.e-]*\).*/\4 \3 \2 \1/p' \
    judgments.jsonl >table
pick() { sort -g "$@" | tail -1 | cut -d' ' -f4-; }
sure() { grep " $1 " table | sort -g -k2,2 | tail -1 | cut -d' ' -f4-; }
show() {
    say "$1"
    "$bin/assay" get --stream breast --case "$2"
}
show "a case judged benign" "$(sure benign)"
show "a case judged malignant" "$(sure malignant)"
show "the case whose parts contradict each other most" "$(pick table)"

say "$(wc -l <judgments.jsonl) cases judged; assayd stops"
kill "$daemon"
wait "$daemon"
daemon=
