#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# trained.sh OUT DATA [PIECES] - what needs a training: the memory that one epoch of each example takes, and what
# the closed heads save in a model of wdbc that was trained to close them (`gate_loss` 0.3). PIECES: some of
# the examples as below, or gates. DATA has a folder of each example; one that is not there is left out. Prints lines
# as bench.h has them.
set -eu
bin=$(cd "$1" && pwd)/bin
data=$(cd "$2" && pwd)
pieces=${3:-breast/before-biopsy busi/malignancy medpix/modality petfinder/task sib200/task wdbc/task gates}
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/assay-bench.XXXXXX")
training=
trap '[ -z "$training" ] || kill "$training" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

asked() { case " $pieces " in *" $1 "*) ;; *) return 1 ;; esac; }

# The highest resident memory of an epoch: asked for ten times a second, and the kernel keeps the peak.
memory() { # TASK CASES
    asked "$1" && [ -f "$data/$2" ] || return 0
    task=$1 cases=$data/$2 last=0
    "$bin/assay" train "$here/examples/$task.ini" --data "$cases" --epochs 1 --threads 2 \
        --out "$work/model.safetensors" >"$work/log" 2>&1 &
    training=$!
    while peak=$(awk '/^VmHWM/ { print $2 / 1024 }' "/proc/$training/status" 2>/dev/null) && [ -n "$peak" ]; do
        last=$peak
        sleep 0.1
    done
    wait "$training" || { cat "$work/log" >&2; exit 1; }
    training=
    printf 'train\t%s, an epoch, peak\t%.0f\t0\tMB\t-\n' "$task" "$last"
}

memory breast/before-biopsy breast/cases.csv
memory busi/malignancy busi/cases.csv
memory medpix/modality medpix/cases.csv
memory petfinder/task petfinder/cases.csv
memory sib200/task sib200/eng_Latn/train.tsv
memory wdbc/task wdbc/cases.csv

if asked gates && [ -f "$data/wdbc/cases.csv" ]; then
    { cat "$here/examples/wdbc/task.ini" && printf '\n[train]\ngate_loss = 0.3\n'; } >"$work/gates.ini"
    "$bin/assay" train "$work/gates.ini" --data "$data/wdbc/cases.csv" --threads 1 --seed 1 --folds 5 \
        --out "$work/gates.safetensors" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
    "$bin/bench" 1 gates "$work/gates.safetensors" "$data/wdbc/cases.csv"
fi
