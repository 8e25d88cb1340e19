#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# simple-mistakes.sh - cheap greps over the tracked sources; prints each finding, fails on any.
set -eu
bad=0
code=$(git ls-files '*.c' '*.h' '*.def')
product=$(git ls-files 'core/*.[ch]' 'plugins/*.[ch]' 'encoders/*.[ch]' 'fusion/*.[ch]' 'train/*.[ch]' \
    'daemon/*.[ch]' 'tools/*.[ch]')
refuse() { # what pattern files...
    what=$1 pattern=$2
    shift 2
    found=$(grep -nE "$pattern" "$@" /dev/null || true)
    [ -z "$found" ] || { printf '%s:\n%s\n' "$what" "$found"; bad=1; }
}
# shellcheck disable=SC2086
{
    refuse 'unfinished' 'TODO|FIXME|\bXXX\b|not implemented|for now|placeholder|#if 0' $code
    refuse 'commented-out code' '^[[:space:]]*(//|/\*).*;[[:space:]]*(\*/)?$' $code
    refuse 'authors and change logs belong to git' 'Author:|Created|====' $code
    refuse 'a second version replaces the first' '\b[a-z_]+(_v2|_ex|_new2|_old)\(' $code
    refuse 'two worlds' '[Dd]eprecated|[Ll]egacy|[Bb]ackward.compat' $code
    refuse 'product code does not know its tests' 'TESTING|in_unit_test' $product
    refuse 'exit outside main' '[^_a-z]exit\(' $(echo "$product" | grep -v '/main.c$')
    refuse 'getenv outside main' 'getenv\(' $(echo "$product" | grep -v '/main.c$')
    refuse 'one place binds addresses: bus_bind' 'zmq_bind\(' $(echo "$product" | grep -v '^core/bus/bus.c$')
    refuse 'sleeps in tests' '\b(u?sleep|nanosleep)\(' $(git ls-files 'tests/*.[ch]')
    refuse 'Criterion 2.4.1 lets gt() pass on equal values: say lt() the other way round' '\bgt\(' $(git ls-files 'tests/*.[ch]')
    refuse 'unearned words' '[Bb]lazing|production-ready|state-of-the-art|world-class' $code README.md
}
for f in $(git ls-files '*.c' '*.h' '*.def' '*.sh' '*.py' '*.js' Makefile); do
    head -3 "$f" | grep -q SPDX-License-Identifier || { echo "$f: no SPDX line"; bad=1; }
done
for f in $code; do
    n=$(wc -l <"$f")
    [ "$n" -le 500 ] || { echo "$f: $n lines, 500 at most"; bad=1; }
done
# A third-party header is visible in one room only.
room_of() { # header room
    found=$(grep -lE "^#include <$1" $product | grep -v "^$2/" || true)
    [ -z "$found" ] || { printf '<%s belongs to %s:\n%s\n' "$1" "$2" "$found"; bad=1; }
}
room_of oneapi core/tensor
room_of utf8proc core/text
room_of jansson core/io
room_of ini.h core/io
room_of csv.h core/io
room_of openssl core/io
room_of zmq core/bus
room_of sqlite3 core/store
room_of vips encoders/image
room_of seccomp encoders/worker
room_of dlfcn plugins
# Every setting that can be given is read somewhere outside the tables.
for key in $(sed -n 's/^HYPER([a-z]*, \([a-z_]*\),.*/\1/p' core/io/hyper.def); do
    # shellcheck disable=SC2086
    grep -qE "(hyper|h)(\.|->)$key\b" $product || { echo "hyper.def: nobody reads $key"; bad=1; }
done
# Every test that docs/SECURITY.md names is there.
for t in $(grep -o '`[a-z0-9_]*::[a-z0-9_]*`' docs/SECURITY.md | tr -d '`' | sort -u); do
    grep -qrF "Test(${t%%::*}, ${t##*::})" tests || { echo "docs/SECURITY.md: no test $t"; bad=1; }
done
exit $bad
