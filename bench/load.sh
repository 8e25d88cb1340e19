#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# load.sh OUT throughput|waiting|soak [N [RATE]] - many small cases of one record through a daemon with
# everything on (journal, one fsync a group, sandbox). Trains a short model first.
#
#   throughput  N cases (200000) in one go: cases judged a second, CPU of each thread and case,
#               resident memory on the way
#   waiting     N cases (100000) that wait for a part which does not come: resident memory before, with
#               a tenth of them, with all, then of a new daemon on the same state
#   soak        N seconds (900) of RATE cases (60), a tenth of them sent twice, one in twenty with a part
#               that is refused (too many cells, in the spool), one in twenty with a part that ends each
#               worker that takes it, as many with a harmless part beside that, and a fault every 20 s:
#               all workers or the daemon killed, a subscriber stopped. Every case must be judged once, in
#               a gapless sequence, only bad ones rejected; memory, descriptors, threads and spool as at
#               the beginning.
set -eu
bin=$(cd "$1" && pwd)/bin
mode=$2 n=${3:-} rate=${4:-60}
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/assay-load.XXXXXX")
daemon='' watch=''
finish() {
    trap - EXIT INT TERM
    for p in $watch $daemon; do
        kill -CONT "$p" 2>/dev/null || continue
        kill "$p"
        wait "$p" || true
    done
    rm -rf "$work"
}
trap finish EXIT
trap 'finish; exit 130' INT TERM
cd "$work"
export ASSAY_RUNTIME="$work/run"

# Header and $1 rows of a table; ids begin with $2, the draw with seed $3.
table() {
    awk -v n="$1" -v p="$2" -v seed="$3" 'BEGIN { srand(seed); print "case,a,b,c,d,e,y"
        for (i = 0; i < n; i++) { a = rand() * 10; b = rand()
            printf "%s%d,%.3f,%.3f,%.2f,%s,%d,%s\n", p, i, a, b, rand() * 100, (i % 3 ? "red" : "blue"), i % 7, (a + 5 * b + rand() > 8 ? "yes" : "no") } }'
}
part='[part.record]\nmodality = table\ncolumns = a:number, b:number, c:number, d\n'
[ "$mode" != waiting ] || part="$part"'[part.more]\nmodality = table\ncolumns = e:number\n'
encoder='' plugin=''
if [ "$mode" = soak ]; then # the second part is read by a plugin that some pages end
    part="$part"'[part.trace]\nmodality = poisoned\ncolumn = trace\n'
    encoder='[encoder.poison]\nplugin = '"$work"'/poison.so\n'
    plugin="--plugin $work/poison.so"
    cc -shared -fPIC -fvisibility=hidden -D_GNU_SOURCE -I"$here/plugins" -o poison.so "$here/tests/e2e/plugin/poison.c"
    echo harmless >trace.txt
fi
printf '[task]\nname = small\ntarget = y\nkind = class\nlabels = no, yes\n%b' "$part" >task.ini
table 1000 t 1 | sed '1s/$/,trace/; 2,$s/$/,trace.txt/' >train.csv
cut -d, -f2-5 train.csv >rows.csv
# shellcheck disable=SC2086
"$bin/assay" train task.ini --data train.csv --out model.safetensors --epochs 2 --threads 1 $plugin >/dev/null 2>train.log ||
    { cat train.log >&2 && exit 1; }
printf '[daemon]\nstate = state\nruntime = run\nthreads = 1\nlog_level = error\n[encoder.table]\nplugin = table.so\n[stream.s]\nmodel = model.safetensors\ndeadline_ms = 3600000\n%b' "$encoder" >assayd.ini

start() {
    "$bin/assayd" -c assayd.ini 2>>log &
    daemon=$!
    "$bin/assay" status --wait-ready 60 >/dev/null || { cat log >&2 && exit 1; }
}
rss() { awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' /proc/"$daemon"/status; }
everybody() { echo "$daemon"; tr ' ' '\n' </proc/"$daemon"/task/"$daemon"/children; }
cpu() { for p in $(everybody); do for t in /proc/"$p"/task/*; do awk -v c="$(cat "$t/comm")" '{ print c, $14 + $15 }' "$t/stat"; done; done; }
stream() { "$bin/assay" status --json | jq -r ".streams[0].$1"; }

throughput() {
    n=${n:-200000}
    start
    echo "resident before: $(rss) MB"
    cpu >cpu0
    "$bin/flood" --stream s --part record --data rows.csv --cases "$n" >flood &
    flood=$!
    while kill -0 $flood 2>/dev/null; do
        rss
        echo
        sleep 2
    done >rss.txt
    wait $flood
    cat flood
    cpu >cpu1
    paste -d' ' cpu0 cpu1 | awk -v n="$n" '{ us = ($NF - $2) * 10000 / n; s += us; if (us > 1) printf "cpu %-14s %6.1f us a case\n", $1, us } END { printf "cpu all            %6.1f us a case\n", s }'
    echo "resident while running, MB: $(tr '\n' ' ' <rss.txt)"
    echo "journal: $(du -m state/journal.db | cut -f1) MB"
}

# Submits $2 - $1 cases that wait and says what they cost.
wait_for_parts() {
    "$bin/flood" --stream s --part record --data rows.csv --cases $(($2 - $1)) --prefix "w$1-" --more
    until [ "$(stream parked)" -ge $(($2 - 1000)) ]; do sleep 1; done
    echo "open $(stream open), parked $(stream parked), resident: $(rss) MB"
}

waiting() {
    n=${n:-100000}
    start
    echo "resident before: $(rss) MB"
    wait_for_parts 0 $((n / 10))
    wait_for_parts $((n / 10)) "$n"
    kill "$daemon" && wait "$daemon"
    start
    echo "after a new start: open $(stream open), resident: $(rss) MB, journal $(du -m state/journal.db | cut -f1) MB"
}

look() {
    at=$(($(date +%s) - began))
    echo "$at $(rss) $(find /proc/"$daemon"/fd -type l | wc -l) $(find /proc/"$daemon"/task -mindepth 1 -maxdepth 1 | wc -l) $(find state/spool -type f | wc -l) $(stream last)" | tee -a looks
}

# What happens to whom in round $1.
fault() {
    workers=$(everybody | tail -n +2)
    case $(($1 % 4)) in
    0) for w in $workers; do kill -KILL "$w" || true; done ;;
    1) kill -STOP "$watch" ;;
    2) kill -CONT "$watch" ;;
    3) kill -KILL "$daemon"; wait "$daemon" 2>/dev/null || true; start ;;
    esac
}

# Cases of round $1, a kind of them: named $2, part $3, rows of $4, $5 a second.
burst() {
    "$bin/flood" --stream s --part "$3" --data "$4" --prefix "$2$1-" --cases $(($5 * 20)) --rate "$5" --again 10 --no-wait >>sent
}

soak() {
    n=${n:-900}
    bad=$((rate / 20)) # of each kind, a second
    printf 'poison\n1\n2\n3\n' >killer.csv
    printf 'harmless\n1\n2\n3\n' >harmless.csv
    awk 'BEGIN { for (r = 0; r < 2; r++) for (i = 1; i <= 8000; i++) printf "%s%d%s", r ? "" : "x", i, i < 8000 ? "," : "\n" }' >bad.csv
    start
    "$bin/assay" watch --stream s --after 0 --json >seen 2>watch.log &
    watch=$!
    began=$(date +%s)
    round=0
    while [ "$round" -lt $((n / 20)) ]; do
        burst "$round" c record rows.csv $((rate - 3 * bad)) &
        all=$!
        burst "$round" beside trace harmless.csv "$bad" &
        all="$all $!"
        burst "$round" bad record bad.csv "$bad" &
        all="$all $!"
        burst "$round" killer trace killer.csv "$bad" &
        all="$all $!"
        sleep 10
        [ $((round % 4)) = 3 ] || fault "$round"
        for p in $all; do wait "$p"; done
        [ $((round % 4)) != 3 ] || fault "$round" # flood does not retry
        look
        round=$((round + 1))
    done
    kill -CONT "$watch"
    want=$((round * 20 * rate))
    echo "seconds $(($(date +%s) - began)), faults $round, cases $want, of them refused and killers, each $((round * 20 * bad))"
    until [ "$(stream last)" -ge $want ] && [ "$(wc -l <seen)" -ge $want ]; do sleep 1; done
    look
    jq -r '[.data.seq, .subject, .data.kind] | @tsv' seen >judged
    awk -v want=$want '$1 != NR { print "number " $1 " at place " NR; bad = 1 }
        seen[$2]++ { print $2 " is judged twice"; bad = 1 }
        ($2 ~ /^(bad|killer)/) != ($3 == "rejected") { print $2 " is " $3; bad = 1 }
        END { if (NR != want) { print NR " judgments, want " want; bad = 1 } exit bad }' judged
    awk 'NR == 1 { for (i = 2; i <= 5; i++) first[i] = $i } { for (i = 2; i <= 5; i++) last[i] = $i }
        END { if (last[2] > first[2] + 16 || last[3] > first[3] + 2 || last[4] != first[4] || last[5] > first[5]) { print "it grew"; exit 1 } print "flat" }' looks
}

case $mode in
throughput | waiting | soak) "$mode" ;;
*) echo "want throughput, waiting or soak" >&2; exit 64 ;;
esac
