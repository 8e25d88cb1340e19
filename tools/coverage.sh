#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# coverage.sh OUT LEAST - what the tests that were run in OUT reached: lines and branches per file
# into OUT/coverage.txt, the rooms, the sum and what must not fail on the terminal; fails below LEAST
# percent of lines.
set -eu
out=$1 least=$2
command -v gcovr >/dev/null || { echo "coverage: no gcovr: apt-get install gcovr" >&2; exit 77; }
# The way out of an assertion is no branch to be taken.
gcovr --root . --object-directory "$out/obj" --filter '(core|plugins|encoders|fusion|train|daemon|tools)/' \
    --exclude-branches-by-pattern '^\s*assert\(' --exclude-unreachable-branches \
    --json-summary "$out/coverage.json" --txt "$out/coverage.txt" "$out/obj" >/dev/null
echo "room                     lines   branches"
jq -r '.files[] | [(.filename | sub("/[^/]*$"; "")), .line_covered, .line_total, .branch_covered, .branch_total] | @tsv' \
    "$out/coverage.json" | awk -F'\t' '
    { l[$1] += $2; L[$1] += $3; b[$1] += $4; B[$1] += $5; ls += $2; Ls += $3; bs += $4; Bs += $5 }
    function share(a, b) { return b ? sprintf("%5.1f %%", 100 * a / b) : "      -" }
    END { for (r in L) printf "%-22s %s    %s\n", r, share(l[r], L[r]), share(b[r], B[r]) | "sort"
          close("sort"); printf "%-22s %s    %s\n", "all", share(ls, Ls), share(bs, Bs)
          exit 100 * ls < least * Ls }' least="$least" ||
    { echo "less than $least % of the lines; each file: $out/coverage.txt" >&2; exit 1; }
echo "what is promised rests on     branches"
area() { # NAME PATTERN
    jq -r --arg of "$2" '[.files[] | select(.filename | test($of))] |
        [(map(.branch_covered) | add), (map(.branch_total) | add)] | @tsv' "$out/coverage.json" |
        awk -v name="$1" '{ printf "%-27s %5.1f %%  %d of %d\n", name, 100 * $1 / $2, $1, $2 }'
}
area 'the wire codec' '^core/bus/'
area 'the lease logic' '^daemon/(cases|jobs|workers|children)\.c$'
area 'the journal' '^core/store/'
area 'the safetensors reader' '^core/io/model(_weights)?\.c$'
echo "each file: $out/coverage.txt"
