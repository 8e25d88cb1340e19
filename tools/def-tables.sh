#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# def-tables.sh [--check] - writes the tables of core/io/*.def into the docs, between the lines
# <!-- table FILE --> and <!-- end -->; with --check fails where a table is not as it would be written.
set -eu
table() { # FILE
    echo '| section | key | default | from | to | meaning |'
    echo '|---|---|---|---|---|---|'
    # One line an entry, then: NAME(section, key, type, default, min, max, "meaning")
    sed -e ':a' -e '/^[A-Z]*(.*[^)]$/{N;s/\n */ /;ta' -e '}' "$1" |
        sed -n 's/^[A-Z]*(\([a-z]*\), \([a-z_0-9]*\), \([a-z0-9]*\), "\{0,1\}\([^,"]*\)"\{0,1\}, \([^,]*\), \([^,]*\), "\(.*\)")$/\1|\2|\3|\4|\5|\6|\7/p' |
        awk -F'|' '{ if ($3 == "str" || $3 == "flag") $5 = $6 = ""; if ($4 == "NULL") $4 = "must be given";
            printf "| `%s` | `%s` | %s | %s | %s | %s |\n", $1, $2, $4, $5, $6, $7 }'
}
bad=0
for doc in docs/model.md docs/operations.md; do
    [ -e "$doc" ] || continue
    new=$(mktemp)
    skip=0
    while IFS= read -r line; do
        case $line in
        '<!-- table '*)
            echo "$line"
            file=${line#<!-- table }
            table "${file% -->}"
            skip=1
            ;;
        '<!-- end -->') echo "$line" && skip=0 ;;
        *) [ $skip = 1 ] || printf '%s\n' "$line" ;;
        esac
    done <"$doc" >"$new"
    if ! cmp -s "$new" "$doc"; then
        if [ "${1-}" = --check ]; then
            echo "$doc: its table is not that of the .def file (run tools/def-tables.sh)" && bad=1
        else
            cat "$new" >"$doc"
        fi
    fi
    rm -f "$new"
done
exit $bad
