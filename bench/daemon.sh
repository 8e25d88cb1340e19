#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# daemon.sh OUT DATA [PIECE...] - the whole daemon with an int8 model, all of it or these pieces: size
# (on disk), load (start, and judge one image), images (of BUSI a second against decoding, encoding and fusing
# one after the other), reload, breast (cases alone). DATA has busi/cases.csv and breast/cases.csv.
# MODELS=FOLDER keeps the models that are trained first. Prints lines as bench.h has them.
set -eu
bin=$(cd "$1" && pwd)/bin
data=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/assay-bench.XXXXXX")
daemon=
shift 2
models=${MODELS:-$work}
finish() {
    trap - EXIT INT TERM
    [ -z "$daemon" ] || { kill "$daemon" 2>/dev/null && wait "$daemon" 2>/dev/null || true; }
    rm -rf "$work"
}
trap finish EXIT
trap 'finish; exit 130' INT TERM
rounds=5
# NAME UNIT PEER, values on standard input: a line of their median and spread.
line() {
    sort -g | awk -v name="$1" -v unit="$2" -v peer="$3" '{ v[NR] = $1 } END {
        m = (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2
        printf "daemon\t%s\t%.4g\t%.0f\t%s\t%s\n", name, m, m ? 100 * (v[NR] - v[1]) / m : 0, unit, peer }'
}
nth() { sort -g | awk -v p="$1" '{ v[NR] = $1 } END { print v[int(1 + p * (NR - 1))] }'; }
now() { date +%s.%N; }
model() { # TASK CASES NAME
    [ ! -f "$models/$3.safetensors" ] || return 0
    "$bin/assay" train "$1" --data "$2" --out "$work/f32.safetensors" --epochs 1 >/dev/null 2>&1
    "$bin/assay" quantize "$work/f32.safetensors" --out "$models/$3.safetensors" >/dev/null
}
start() { # STREAM
    printf '[daemon]\nstate = state\nruntime = run\n' >"$work/assayd.ini"
    for k in image text table; do
        printf '[encoder.%s]\nplugin = %s.so\nworkers = %d\n' $k $k $([ $k = image ] && echo 2 || echo 1) >>"$work/assayd.ini"
    done
    printf '[stream.%s]\nmodel = %s/%s.safetensors\ndeadline_ms = 60000\n' "$1" "$models" "$1" >>"$work/assayd.ini"
    rm -rf "$work/state"
    "$bin/assayd" -c "$work/assayd.ini" 2>"$work/log" &
    daemon=$!
    "$bin/assay" status --wait-ready 60 >/dev/null
}
stop() {
    kill "$daemon" && wait "$daemon" || true
    daemon=
}
rss() { awk '/^Rss:/ { print $2 / 1024 }' "/proc/$daemon/smaps_rollup"; }
export ASSAY_RUNTIME="$work/run"

size() {
    for p in assayd assay-worker; do cp "$bin/$p" "$work/$p" && strip "$work/$p"; done
    for k in image text table; do cp "$bin/../plugins/$k.so" "$work/" && strip "$work/$k.so"; done
    cat "$work/assayd" "$work/assay-worker" "$work"/*.so | wc -c | awk '{ print $1 / 1e6 }' |
        line 'assayd, assay-worker and plugins, stripped' MB -
    rm -f "$work"/*.so "$work/assayd" "$work/assay-worker"
}

busi() { model "$here/examples/busi/task.ini" "$data/busi/cases.csv" busi; }

load() {
    busi
    one=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "image") c = i } NR == 2 { print $c }' "$data/busi/cases.csv")
    for i in $(seq "$rounds"); do
        from=$(now)
        "$bin/assay" judge "$models/busi.safetensors" --part "scan=$data/busi/$one" >/dev/null
        echo "$from $(now)" | awk '{ print 1000 * ($2 - $1) }'
    done | line 'start, load the model, judge one image' ms -
}

images() {
    busi
    # Each four times, under names of their own: the submitting program's start counts, too.
    ln -s "$data/busi/images" "$work/images"
    awk 'NR == 1 { print; next } { for (k = 0; k < 4; k++) print k $0 }' "$data/busi/cases.csv" >"$work/four.csv"
    core=$(awk '/^Cpus_allowed_list/ { split($2, c, /[-,]/); print c[1] }' /proc/self/status)
    for i in $(seq "$rounds"); do
        taskset -c "$core" "$bin/assay" judge "$models/busi.safetensors" --data "$data/busi/cases.csv" --json 2>/dev/null >"$work/out"
        jq -r '.data.ms | 2000 / .decode' "$work/out" | nth 0.5 >>"$work/decoding"
        jq -r '.data.ms | 2000 / (.decode + .encode + .fuse)' "$work/out" | nth 0.5
    done | line 'two cores at decoding, encoding and fusing alone, images' 1/s -
    line 'two cores at decoding alone, images' 1/s - <"$work/decoding"
    for i in $(seq "$rounds"); do
        start busi
        from=$(now)
        "$bin/assay" submit --stream busi --data "$work/four.csv" --wait --json >"$work/out" 2>/dev/null || true
        echo "$from $(now) $(wc -l <"$work/out")" | awk '{ print $3 / ($2 - $1) }'
        stop
    done >"$work/through"
    line 'images through the daemon, int8' 1/s 'two cores at decoding, encoding and fusing alone, images' <"$work/through"
    line 'images through the daemon, int8, against decoding' 1/s 'two cores at decoding alone, images' <"$work/through"
}

again() {
    kill -HUP "$daemon"
    "$bin/assay" status --wait-ready 60 >/dev/null
}

reload() {
    busi
    start busi
    "$bin/assay" submit --stream busi --data "$data/busi/cases.csv" --wait >/dev/null 2>&1 || true
    again
    before=$(rss)
    for i in $(seq 20); do again; done
    echo "$before $(rss)" | awk '{ print $2 - $1 }' | line 'resident memory of assayd after 20 reloads, more by' MB -
    stop
}

breast() {
    model "$here/examples/breast/before-biopsy.ini" "$data/breast/cases.csv" breast
    start breast
    "$bin/assay" submit --stream breast --data "$data/breast/cases.csv" --one-by-one --json 2>/dev/null >"$work/out"
    jq -r 'def s: (sub("\\.[0-9]+Z$"; "Z") | fromdate) + (capture("(?<f>\\.[0-9]+)Z$").f | tonumber);
        (.time | s) - (.data.received | s) | . * 1000' "$work/out" >"$work/ms"
    jq -r '.data.ms.decode' "$work/out" | nth 0.5 | line 'breast case, decoding, p50' ms -
    nth 0.5 <"$work/ms" | line 'breast case, alone through the daemon, p50' ms 'breast case, decoding, p50'
    nth 0.99 <"$work/ms" | line 'breast case, alone through the daemon, p99' ms -
    stop
}

for piece in ${*:-size load images reload breast}; do
    case $piece in
    size | load | images | reload | breast) "$piece" ;;
    *) echo "want size, load, images, reload or breast" >&2; exit 64 ;;
    esac
done
