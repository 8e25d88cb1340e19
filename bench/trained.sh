#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# trained.sh OUT DATA [PIECES] - what needs a training: the memory that one epoch of each example takes, and what
# the closed heads save in models that were trained to close them (`gate_loss` 0.3): of wdbc, and of texts of 4,096
# words (reports of phantom cases, again and again among words that say nothing). PIECES: some of the examples as below,
# gates or texts. DATA has a folder of each example; one that is not there is left out. Prints lines as bench.h has them.
set -eu
bin=$(cd "$1" && pwd)/bin
data=$(cd "$2" && pwd)
pieces=${3:-breast/before-biopsy busi/malignancy medpix/modality petfinder/task sib200/task wdbc/task gates texts}
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

# What closed heads save in a model of this task, trained with these flags and timed on the first N of its cases.
closed() { # NAME TASK CASES N [FLAG]...
    name=$1 task=$2 cases=$3 timed=$(($4 + 1))
    shift 4
    "$bin/assay" train "$task" --data "$cases" --threads 1 --seed 1 "$@" --out "$work/gates.safetensors" \
        >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
    head -n "$timed" "$cases" >"$work/timed.csv"
    "$bin/bench" 1 gates "$name" "$work/gates.safetensors" "$work/timed.csv"
}

if asked gates && [ -f "$data/wdbc/cases.csv" ]; then
    { cat "$here/examples/wdbc/task.ini" && printf '\n[train]\ngate_loss = 0.3\n'; } >"$work/wdbc.ini"
    closed wdbc "$work/wdbc.ini" "$data/wdbc/cases.csv" 451 --folds 5
fi

# Cases of a report that is repeated, each time after four times its words that say nothing.
texts() { # CASES.csv WORDS
    awk -F'"' -v words="$2" '
    function filler(n,   i, s) {
        for (i = 0; i < n; i++) s = s nothing[int(9 * rand()) + 1] (i % 12 == 11 ? ". " : " ")
        return s
    }
    BEGIN { srand(1); split("patient record visit clinic history noted stable review routine", nothing, " ") }
    NR == 1 { print "case,report,label"; next }
    {
        split($1, id, ",")
        split($3, label, ",")
        n = split($2, unused, " ")
        text = ""
        for (at = 0; at < words; at += 5 * n) text = text filler(4 * n) $2 " "
        printf "%s,\"%s\",%s\n", id[1], text, label[2]
    }' "$1"
}

if asked texts; then
    "$bin/phantom" --cases 300 --seed 1 --out "$work/phantoms" >/dev/null
    texts "$work/phantoms/cases.csv" 4096 >"$work/texts.csv"
    printf '%s\n' '[task]' 'name = texts' 'target = label' 'labels = benign, malignant' '[part.report]' \
        'modality = text' 'column = report' '[train]' 'batch = 4' 'epochs = 10' 'gate_loss = 0.3' >"$work/texts.ini"
    closed '4,096 words' "$work/texts.ini" "$work/texts.csv" 60
fi
