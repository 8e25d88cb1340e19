#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# accuracy.sh OUT [DATA] [TASKS] - trains and scores every task of docs/accuracy.md with seeds 1 to 3
# and prints its tables. OUT: the build, DATA: the data sets (../shared/data), TASKS: their names,
# where not all. TASKS "docs" trains nothing and writes the tables of what there is into
# docs/accuracy.md; a task without results keeps the table it has,
# and so do the targets.
# Results stay in build/accuracy/TASK-SEED.json and are taken again only for another task file, data
# or command: remove them after a change of the program. EPOCHS=N in the environment is for a quick
# look, with a folder of its own.
set -eu
out=$1
data=${2:-../shared/data}
only=${3:-}
epochs=${EPOCHS:-}
all="before-biopsy concordance wdbc busi medpix petfinder"
seeds="1 2 3"
kept=$(dirname "$out")/accuracy${epochs:+-$epochs}
mkdir -p "$kept"

ini() {
    case $1 in
    before-biopsy | concordance) echo "examples/breast/$1.ini" ;;
    busi) echo examples/busi/malignancy.ini ;;
    *) echo "examples/$1/task.ini" ;;
    esac
}
cases() {
    case $1 in
    before-biopsy | concordance) echo breast/cases.csv ;;
    *) echo "$1/cases.csv" ;;
    esac
}
flags() {
    case $1 in
    medpix) ;;
    wdbc) echo --folds 5 ;;
    busi) echo --folds 5 --teachers 3 ;;
    *) echo --folds 5 --shuffle 20 ;;
    esac
}
# The command as anyone would type it.
command_of() { # TASK
    echo "assay train $(ini "$1") --data DATA/$(cases "$1") --out $1.safetensors \\"
    echo "    --seed SEED --threads 2 $(flags "$1")"
    [ "$1" != medpix ] || echo "assay eval $1.safetensors --data DATA/$(cases "$1") --split dev"
}

take() { # TASK SEED
    file=$kept/$1-$2.json
    key=$({ cat "$(ini "$1")" "$data/$(cases "$1")"; command_of "$1"; } | sha256sum | cut -c1-16)
    [ "$(jq -r .key "$file" 2>/dev/null || true)" != "$key" ] || return 0
    echo "accuracy: $1, seed $2" >&2
    model=$kept/$1-$2.safetensors
    begun=$(date +%s)
    # shellcheck disable=SC2046
    "$out/bin/assay" train "$(ini "$1")" --data "$data/$(cases "$1")" --out "$model" --seed "$2" \
        --threads 2 $(flags "$1") ${epochs:+--epochs "$epochs"} --json >"$file.part" 2>"$file.log" ||
        { tail -3 "$file.log" >&2; return 1; }
    seconds=$(($(date +%s) - begun))
    if [ "$1" = medpix ]; then
        "$out/bin/assay" eval "$model" --data "$data/$(cases "$1")" --split dev --threads 2 --json \
            >"$file.part" 2>>"$file.log" || { tail -3 "$file.log" >&2; return 1; }
    fi
    jq --arg key "$key" --argjson seconds "$seconds" '. + {$key, $seconds}' "$file.part" >"$file.new"
    mv "$file.new" "$file"
    rm -f "$file.part"
}

# Sensitivity and specificity of a rule that needs no model: the pathology says "carcinoma".
rule() {
    awk '
    function cells(line, v,   i, c, n, quoted) {
        n = 1; v[1] = ""
        for (i = 1; i <= length(line); i++) {
            c = substr(line, i, 1)
            if (c == "\"") quoted = !quoted
            else if (c == "," && !quoted) v[++n] = ""
            else v[n] = v[n] c
        }
        return n
    }
    { sub(/\r$/, ""); n = cells($0, v) }
    NR == 1 { for (i = 1; i <= n; i++) at[v[i]] = i; next }
    {
        says = tolower(v[at["pathology"]]) ~ /carcinoma/
        is = v[at["label"]] == "malignant"
        tp += says && is; fn += !says && is; fp += says && !is; tn += !says && !is
    }
    END {
        se = tp / (tp + fn); sp = tn / (tn + fp)
        printf "\nThe rule \"pathology contains carcinoma\", which needs no model: AUC %.3f, accuracy %.3f,", (se + sp) / 2, (tp + tn) / (tp + tn + fp + fn)
        printf " sensitivity %.3f, specificity %.3f.\n", se, sp
    }' "$data/breast/cases.csv"
}

markdown() { # TASK
    jq -rs -L tools 'include "accuracy"; table, believed' "$kept/$1"-[0-9].json
    [ "$1" != concordance ] || [ ! -e "$data/breast/cases.csv" ] || rule
}

targets() {
    echo '| target | figure | reached |'
    echo '|---|---:|---|'
    for task in $all; do
        set -- "$kept/$task"-[0-9].json
        [ -e "$1" ] && jq -rs -L tools --arg task "$task" 'include "accuracy"; targets($task)' "$@"
    done
    :
}

# Whether every task has results.
has_all() {
    for task in $all; do
        set -- "$kept/$task"-[0-9].json
        [ -e "$1" ] || return 1
    done
}

# The tables of docs/accuracy.md, between <!-- accuracy NAME --> and <!-- end -->.
write_docs() {
    doc=docs/accuracy.md
    new=$(mktemp)
    skip=0
    while IFS= read -r line; do
        case $line in
        '<!-- accuracy '*)
            name=${line#<!-- accuracy }
            name=${name% -->}
            echo "$line"
            set -- "$kept/$name"-[0-9].json
            skip=1
            if [ "$name" = targets ] && has_all; then
                targets
            elif [ -e "$1" ]; then
                command_of "$name" | sed 's/^/    /; s/ *$//'
                echo
                markdown "$name"
            else
                skip=0
            fi
            ;;
        '<!-- end -->') echo "$line" && skip=0 ;;
        *) [ $skip = 1 ] || printf '%s\n' "$line" ;;
        esac
    done <"$doc" >"$new"
    cat "$new" >"$doc"
    rm -f "$new"
}

if [ "$only" = docs ]; then
    write_docs
    exit
fi
for task in ${only:-$all}; do
    case " $all " in *" $task "*) ;; *) echo "accuracy: no task $task: want one of $all" >&2 && exit 64 ;; esac
    if [ ! -e "$data/$(cases "$task")" ]; then
        echo "accuracy: $task skipped: no data at $data/$(cases "$task")" >&2
        continue
    fi
    for seed in $seeds; do
        take "$task" "$seed"
    done
    printf '\n## %s\n\n' "$task"
    markdown "$task"
done
printf '\n## targets\n\n'
targets
