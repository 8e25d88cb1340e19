#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# layers.sh ROOM ALLOWED... - every project #include in ROOM names ROOM itself or an ALLOWED room.
set -eu
room=$1
bad=0
for f in "$room"/*.[ch]; do
    for dir in $(sed -n 's|^#include "\(.*\)/[^/]*".*|\1|p' "$f" | sort -u); do
        case " $* " in
        *" $dir "*) ;;
        *) echo "$f: $room may not include $dir (see deps_$room in the Makefile)" && bad=1 ;;
        esac
    done
done
exit $bad
