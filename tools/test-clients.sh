#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test-clients.sh OUT - the example clients against a real daemon. Each pair is skipped aloud where
# what it needs is absent: pyzmq, or Node.js and npm's zeromq (installed into build/clients).
set -eu
bin=$(cd "$1" && pwd)/bin
root=$(pwd)
clients=$root/examples/clients
work=$(mktemp -d "${TMPDIR:-/tmp}/assay-clients.XXXXXX")
pids=
passed=0 failed=0 skipped=0
finish() {
    trap - EXIT INT TERM
    for p in $pids; do kill "$p" 2>/dev/null || true; done
    rm -rf "$work"
}
trap finish EXIT
trap 'finish; exit 130' INT TERM

python=
for p in python3 /usr/bin/python3; do
    if "$p" -c 'import zmq' 2>/dev/null; then python=$p && break; fi
done
node=
if command -v node >/dev/null && command -v npm >/dev/null; then
    mkdir -p "$root/build/clients"
    if [ -d "$root/build/clients/node_modules/zeromq" ] ||
        npm install --prefix "$root/build/clients" --no-audit --no-fund --silent zeromq >&2; then
        export NODE_PATH="$root/build/clients/node_modules"
        ! node -e 'require("zeromq")' || node=node
    fi
fi

cd "$work"
"$bin/phantom" --cases 60 --seed 3 --out cases
"$bin/assay" train "$root/examples/breast/phantom.ini" --data cases/cases.csv --out model.safetensors \
    --epochs 2 2>train.log >&2 || { cat train.log && exit 1; }
cp "$root/examples/breast/assayd.ini" .
"$bin/assayd" -c assayd.ini 2>daemon.log &
pids=$!
export ASSAY_RUNTIME="$work/run"
"$bin/assay" status --wait-ready 60 >/dev/null || { cat daemon.log && exit 1; }
# What is there before a subscriber starts, so that it starts late.
head -6 cases/cases.csv >first.csv
mkdir -p images && cp cases/images/* images
"$bin/assay" submit --stream breast --data first.csv --wait --json >/dev/null

# One case's parts as files, from row N of the table (no cell of it has a newline).
parts() {
    mkdir -p "$1"
    sed -n "1p;$2p" cases/cases.csv >"$1/findings.csv"
    sed -n "$2s/.*\"\(.*\)\".*/\1/p" cases/cases.csv >"$1/report.txt"
    cp "cases/images/3-$(printf %04d $(($2 - 1))).png" "$1/scan.png"
}
check() { # name: the numbers in $1.out are first..last, each once and in order
    want=$(seq "$2" "$3")
    got=$(sed -n 's/.*"seq":\([0-9]*\).*/\1/p' "$1.out")
    if [ "$got" = "$want" ]; then
        passed=$((passed + 1)) && echo "ok      $1"
    else
        failed=$((failed + 1)) && echo "FAILED  $1: wanted $2 to $3, got: $(echo "$got" | tr '\n' ' ')"
    fi
}
# name runner script after count: a subscriber whose first COUNT lines go to NAME.out; its pid and
# that of its reader go to $subscriber and $reader.
subscribe() {
    mkfifo "$1.pipe"
    timeout 60 head -n "$5" <"$1.pipe" >"$1.out" &
    reader=$!
    "$2" "$3" breast "$4" >"$1.pipe" &
    subscriber=$!
    pids="$pids $subscriber $reader"
}
last=5
pair() { # name runner extension
    subscribe "$1-late" "$2" "$clients/subscriber.$3" 0 $((last + 3))
    late=$subscriber late_reader=$reader
    subscribe "$1-resumed" "$2" "$clients/subscriber.$3" 3 $last
    resumed=$subscriber
    for n in 1 2 3; do
        parts "part$last" $((last + 2))
        "$2" "$clients/submitter.$3" breast "$1-$n" "scan=part$last/scan.png" \
            "report=part$last/report.txt" "findings=part$last/findings.csv" >>"$1-submitter.out"
        last=$((last + 1))
    done
    wait "$late_reader" "$reader" || true
    kill "$late" "$resumed" 2>/dev/null || true
    check "$1-late" 1 $last
    check "$1-resumed" 4 $last
    check "$1-submitter" $((last - 2)) $last
}
# The same over TCP with keys, from a daemon of its own: one case each, and what came before it.
keys() { # start the daemon that asks for them
    for k in daemon.key client.key; do "$bin/assay" keys generate $k >/dev/null; done
    printf '[client.tests]\nkey = %s\nsubmit = breast\nsubscribe = breast\n' \
        "$("$bin/assay" keys show client.key)" >clients.ini
    chmod 600 clients.ini
    sed 's/^\[daemon\]$/[daemon]\nfront = tcp:\/\/127.0.0.1:*\nfeed = tcp:\/\/127.0.0.1:*\nkey = daemon.key\nclients = clients.ini/
s/^\(state\|runtime\)\( *= *\)\(.*\)/\1\2keyed-\3/' assayd.ini >keyed.ini
    "$bin/assayd" -c keyed.ini 2>keyed.log &
    pids="$pids $!"
    ASSAY_FRONT=
    while [ -z "$ASSAY_FRONT" ]; do
        kill -0 $! || { cat keyed.log && exit 1; }
        ASSAY_FRONT=$(sed -n 's/.*socket=front endpoint=\(tcp[^ ]*\).*/\1/p' keyed.log)
    done
    export ASSAY_FRONT ASSAY_KEY=client.key ASSAY_SERVER_KEY=daemon.key.pub
    "$bin/assay" status --from "$ASSAY_FRONT" --key client.key --server-key daemon.key.pub \
        --wait-ready 60 >/dev/null || { cat keyed.log && exit 1; }
}
judged=0
keyed() { # name runner extension
    judged=$((judged + 1))
    "$2" "$clients/submitter.$3" breast "$1" "scan=part5/scan.png" "report=part5/report.txt" \
        "findings=part5/findings.csv" >"$1-keyed-submitter.out"
    check "$1-keyed-submitter" $judged $judged
    subscribe "$1-keyed" "$2" "$clients/subscriber.$3" 0 $judged
    wait "$reader" || true
    kill "$subscriber" 2>/dev/null || true
    check "$1-keyed" 1 $judged
}
if [ -n "$python" ]; then pair python "$python" py; else
    echo "SKIPPED python: no pyzmq (apt-get install python3-zmq)" && skipped=$((skipped + 1))
fi
if [ -n "$node" ]; then pair node "$node" js; else
    echo "SKIPPED node: no Node.js, npm or zeromq" && skipped=$((skipped + 1))
fi
if [ -n "$python$node" ]; then
    keys
    [ -z "$python" ] || keyed python "$python" py
    [ -z "$node" ] || keyed node "$node" js
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
