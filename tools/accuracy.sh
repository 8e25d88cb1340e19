#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# accuracy.sh OUT [DATA] [TASKS] - trains and scores what docs/accuracy.md has tables of, with seeds 1
# to 3 (the patients before biopsy, who are few: 1 to 9) or those of SEEDS="1 2", and prints those tables. OUT: the build, DATA: the data sets (../shared/data), TASKS: names of
# tasks and studies, where not all tasks. TASKS "docs" trains nothing and writes the tables of what
# there is into docs/accuracy.md; what has no results keeps the table it has, and so do the targets.
#
# A task is an example with its data. A study takes several trainings of one example, its variants,
# beside each other: gates (dynamic against fixed attention), missing (a part missing from some of the
# cases, and networks that never had it), importance (what compress keeps, and the students of it),
# pretraining (with a base and without).
#
# Results stay in build/accuracy/TASK-SEED.json and STUDY-VARIANT-SEED.json and are taken again only
# for another task file, data or command: remove them after a change of the program. EPOCHS=N in the
# environment is for a quick look, with a folder of its own.
set -eu
out=$1
data=${2:-../shared/data}
only=${3:-}
epochs=${EPOCHS:-}
all="before-biopsy scan concordance wdbc busi medpix modality petfinder sib200"
studies="gates missing importance pretraining"
kept=$(dirname "$out")/accuracy${epochs:+-$epochs}
mkdir -p "$kept"

seeds_of() { # TASK
    case $1 in
    before-biopsy) echo "${SEEDS:-1 2 3 4 5 6 7 8 9}" ;;
    *) echo "${SEEDS:-1 2 3}" ;;
    esac
}
is_study() { case " $studies " in *" $1 "*) ;; *) return 1 ;; esac; }

# What a study sets beside each other; a task has itself alone.
variants() { # TASK
    case $1 in
    gates)
        for of in noscan breast wdbc; do
            for gates in fixed 0 0.3 1; do echo "$of-$gates"; done
        done
        for of in busi medpix; do
            for gates in fixed 0.3; do echo "$of-$gates"; done
        done
        ;;
    missing)
        for of in breast medpix; do
            for part in all scan report findings; do echo "$of-$part"; done
        done
        for part in all report findings; do echo "petfinder-$part"; done
        ;;
    importance)
        for removed in 50 70 85; do
            for how in taylor gradient magnitude random; do echo "$how-$removed"; done
        done
        echo taylor-fifth
        echo curriculum-fifth
        ;;
    pretraining)
        for labelled in 25 50 100 120 160; do
            for from in scratch base; do echo "$from-$labelled"; done
        done
        ;;
    *) echo - ;;
    esac
}
name_of() { # TASK VARIANT
    [ "$2" = - ] && echo "$1" || echo "$1-$2"
}

ini() { # TASK VARIANT
    case $1-$2 in
    before-biopsy-* | scan-* | concordance-*) echo "examples/breast/$1.ini" ;;
    gates-wdbc-*) echo examples/wdbc/task.ini ;;
    gates-busi-*) echo examples/busi/malignancy.ini ;;
    gates-medpix-* | missing-medpix-*) echo examples/medpix/task.ini ;;
    missing-petfinder-*) echo examples/petfinder/task.ini ;;
    gates-* | missing-* | importance-* | pretraining-*) echo examples/breast/before-biopsy.ini ;;
    busi-*) echo examples/busi/malignancy.ini ;;
    modality-*) echo examples/medpix/modality.ini ;;
    *) echo "examples/$1/task.ini" ;;
    esac
}
cases() { # TASK VARIANT
    case $1-$2 in
    gates-wdbc-*) echo wdbc/cases.csv ;;
    gates-busi-*) echo busi/cases.csv ;;
    gates-medpix-* | missing-medpix-*) echo medpix/cases.csv ;;
    missing-petfinder-*) echo petfinder/cases.csv ;;
    before-biopsy-* | scan-* | concordance-* | gates-* | missing-* | importance-* | pretraining-*) echo breast/cases.csv ;;
    modality-*) echo medpix/cases.csv ;;
    sib200-*) echo sib200/eng_Latn/train.tsv ;;
    *) echo "$1/cases.csv" ;;
    esac
}
# What a task with a split of its own is scored on.
scored() { # TASK VARIANT
    case $1-$2 in
    medpix-* | modality-* | gates-medpix-* | missing-medpix-*) echo "medpix/cases.csv --split dev" ;;
    sib200-*) echo sib200/eng_Latn/dev.tsv ;;
    esac
}
# What is asked where a task is scored: of its folds, or of its split.
asked() { # TASK VARIANT
    case $1-$2 in
    gates-*-fixed | gates-busi-* | gates-medpix-*) ;;
    gates-*) for x in 1 2 3 4 5 6 7 8 9; do echo "--gate-threshold 0.$x"; done ;;
    missing-*-all) echo --missing 0.3 --missing 0.6 --missing 1 ;;
    esac
}
# Where its own training computes none: what the simple methods beside it are fitted on.
fitted() { # TASK VARIANT
    is_study "$1" || [ -z "$(scored "$1" "$2")" ] || cases "$1" "$2"
}
# What a base sees beside the cases of its training.
unlabelled() { # TASK VARIANT
    case $1-$2 in pretraining-base-*) echo busi/cases.csv ;; esac
}
# What the model that a training starts from has learned.
based() { # TASK
    case $1 in scan) echo busi/cases.csv ;; esac
}
threads() { # TASK
    case $1 in scan | busi | medpix | modality | sib200 | gates | missing | importance | pretraining) echo 1 ;; *) echo 2 ;; esac
}
flags() { # TASK VARIANT
    case $1-$2 in
    medpix-* | modality-* | sib200-* | petfinder-* | gates-medpix-* | missing-medpix-all) ;;
    gates-*)
        asked "$1" "$2"
        echo --folds 5
        case $2 in noscan-*) echo --epochs 24 ;; esac
        ;;
    missing-breast-all) echo --folds 5 && asked "$1" "$2" ;;
    missing-petfinder-all) asked "$1" "$2" ;;
    missing-breast-*) echo --folds 5 --without "${2#*-}" ;;
    missing-*) echo --without "${2#*-}" ;;
    pretraining-*)
        echo --folds 5
        [ "${2#*-}" = 160 ] || echo "--labelled ${2#*-}" # 160 are all that a fold leaves
        case $2 in base-*) echo "--pretrain --base-epochs 6" ;; esac
        ;;
    importance-*) echo --folds 5 --epochs 24 ;;
    busi-*) echo --folds 5 --teachers 3 ;;
    wdbc-* | scan-*) echo --folds 5 ;;
    *) echo --folds 5 --shuffle 20 ;;
    esac
}
# The flags of a student. The sizes are those that leave so many of the structures of this teacher.
student_flags() { # VARIANT
    case $1 in *-50) echo --size 0.545 ;; *-70) echo --size 0.366 ;; *-85) echo --size 0.232 ;; esac
    case $1 in
    curriculum-*) echo --order curriculum ;;
    taylor-fifth) echo --direct ;;
    *) echo --importance "${1%-*}" ;;
    esac
    echo --epochs 24
}
# The command as anyone would type it.
# shellcheck disable=SC2046
command_of() { # TASK VARIANT
    name=$(name_of "$1" "$2")
    case $1 in
    importance)
        echo "assay train importance.ini --data DATA/$(cases "$1" "$2") --out teacher.safetensors \\"
        echo "    --seed SEED --threads $(threads "$1")" $(flags "$1" "$2")
        echo "assay compress teacher.safetensors --data DATA/$(cases "$1" "$2") --out $name.safetensors \\"
        echo "    --seed SEED --threads $(threads "$1") --max-loss 100" $(student_flags "$2")
        ;;
    *)
        [ -z "$(based "$1")" ] ||
            echo "assay train $(ini "$1" "$2") --data DATA/$(based "$1") --out base.safetensors --seed SEED --threads $(threads "$1")"
        echo "assay train $(ini "$1" "$2") --data DATA/$(cases "$1" "$2") --out $name.safetensors \\"
        echo "    --seed SEED --threads $(threads "$1")" $(flags "$1" "$2") \
            $(unlabelled "$1" "$2" | sed 's|^|--unlabelled DATA/|') \
            $(based "$1" | sed 's|.*|--from base.safetensors|')
        [ -z "$(scored "$1" "$2")" ] ||
            echo "assay eval $name.safetensors --data DATA/$(scored "$1" "$2")" $(asked "$1" "$2") \
                $(fitted "$1" "$2" | sed 's|^|--baselines DATA/|')
        ;;
    esac
}

# Change a task file on its way: a line more in this section; the scan taken out; and what the network
# would learn from logistic regression, where the network itself is the subject.
with_key() { # SECTION LINE
    awk -v section="[$1]" -v line="$2" '
    { print }
    $0 == section { print line; found = 1 }
    END { if (!found) printf "\n%s\n%s\n", section, line }'
}
without_scan() { awk '/^\[/ { skip = $0 == "[part.scan]" } !skip'; }
without_linear() { sed '/^linear_loss/d'; }
# The task file that a variant trains.
task_file() { # TASK VARIANT
    case $1-$2 in gates-noscan-* | importance-*) change="without_scan" ;; *) change="cat" ;; esac
    case $1 in gates | importance) line="without_linear" ;; *) line="cat" ;; esac
    $line <"$(ini "$1" "$2")" | $change | case $1-$2 in
    gates-*-fixed) with_key model "gates = 0" ;;
    gates-*) with_key train "gate_loss = ${2#*-}" ;;
    *) cat ;;
    esac | case $1-$2 in
    gates-medpix-*) cat ;; # has the line
    gates-* | pretraining-*) with_key model "image_texture = 0" ;;
    *) cat ;;
    esac
}

# The tables that a training and its scores read.
tables() { # TASK VARIANT
    cases "$1" "$2"
    scored "$1" "$2" | cut -d' ' -f1
    unlabelled "$1" "$2"
    based "$1"
}
key_of() { # TASK VARIANT
    { task_file "$1" "$2"; tables "$1" "$2" | sort -u | sed "s|^|$data/|" | xargs -d '\n' cat; command_of "$1" "$2"; } | sha256sum | cut -c1-16
}
is_taken() { # TASK VARIANT SEED
    [ "$(jq -r .key "$kept/$(name_of "$1" "$2")-$3.json" 2>/dev/null || true)" = "$(key_of "$1" "$2")" ]
}

fail() { # LOG
    tail -3 "$1" >&2
    exit 1
}

# The specificity at the highest threshold with which the folds' cases together have a sensitivity
# of 0.967 at least, that of the radiologists' BI-RADS category.
as_sure_as_radiologists() { # PREDICTIONS
    awk -F, '
    NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
    $at["by"] == "all" { p[++n] = $at["malignant"]; y[n] = $at["target"] == "malignant"; all += y[n] }
    END {
        for (i = 1; i <= n; i++) {
            tp = 0; tn = 0
            for (k = 1; k <= n; k++) if (y[k]) tp += p[k] >= p[i]; else tn += p[k] < p[i]
            if (tp / all >= 0.967 && tn / (n - all) > most) most = tn / (n - all)
        }
        print most + 0
    }' "$1"
}

# One training and its scores, as JSON.
train() { # TASK VARIANT SEED INI MODEL
    task=$1
    table=$data/$(cases "$1" "$2")
    ini=$4
    model=$5
    threads=$(threads "$1")
    seed=$3
    test=$(scored "$1" "$2")
    asked=$(asked "$1" "$2")
    fitted=$(fitted "$1" "$2")
    more=$(unlabelled "$1" "$2")
    based=$(based "$1")
    # shellcheck disable=SC2046
    set -- $(flags "$1" "$2")
    [ -z "$more" ] || set -- "$@" --unlabelled "$data/$more"
    if [ -n "$based" ]; then
        "$out/bin/assay" train "$ini" --data "$data/$based" --out "$model.base" --seed "$seed" \
            --threads "$threads" ${epochs:+--epochs "$epochs"} >/dev/null || return
        set -- "$@" --from "$model.base"
    fi
    [ "$task" != before-biopsy ] || set -- "$@" --predictions "$model.csv"
    json=$("$out/bin/assay" train "$ini" --data "$table" --out "$model" --seed "$seed" \
        --threads "$threads" "$@" ${epochs:+--epochs "$epochs"} --json) || return
    [ "$task" != before-biopsy ] ||
        json=$(printf '%s\n' "$json" | jq --argjson at "$(as_sure_as_radiologists "$model.csv")" '. + {specificity_at: $at}')
    if [ -n "$test" ]; then
        # shellcheck disable=SC2086
        set -- $test $asked
        table=$data/$1
        shift
        [ -z "$fitted" ] || set -- "$@" --baselines "$data/$fitted"
        json=$("$out/bin/assay" eval "$model" --data "$table" "$@" --threads "$threads" --json) || return
    fi
    printf '%s\n' "$json"
}

# One student: what its record says. The teacher of a seed is trained once.
compress() { # TASK VARIANT SEED INI MODEL
    teacher=$kept/$1-teacher-$3
    teacher_key=$({ cat "$4" "$data/$(cases "$1" "$2")"; flags "$1" "$2"; } | sha256sum)
    [ "$(cat "$teacher.key" 2>/dev/null || true)" = "$teacher_key" ] || {
        train "$1" "$2" "$3" "$4" "$teacher.safetensors" >/dev/null || return
        echo "$teacher_key" >"$teacher.key"
    }
    # shellcheck disable=SC2046
    "$out/bin/assay" compress "$teacher.safetensors" --data "$data/$(cases "$1" "$2")" \
        --out "$5" --seed "$3" --threads "$(threads "$1")" --max-loss 100 $(student_flags "$2") \
        ${epochs:+--epochs "$epochs"} >/dev/null || return
    "$out/bin/assay" inspect "$5" --json | jq .metadata.training.compressed
}

take() { # TASK VARIANT SEED
    file=$kept/$(name_of "$1" "$2")-$3
    echo "accuracy: $(name_of "$1" "$2"), seed $3" >&2
    task_file "$1" "$2" >"$file.ini"
    begun=$(date +%s)
    case $1 in importance) how="compress" ;; *) how="train" ;; esac
    $how "$1" "$2" "$3" "$file.ini" "$file.safetensors" >"$file.part" 2>"$file.log" || fail "$file.log"
    seconds=$(($(date +%s) - begun))
    jq --arg key "$(key_of "$1" "$2")" --arg variant "$2" --argjson seed "$3" --argjson seconds "$seconds" \
        '. + {$key, $variant, $seed, $seconds}' "$file.part" >"$file.new" || exit
    mv "$file.new" "$file.json"
    rm -f "$file.part" "$file.ini"
    [ "${first:-}" ] || { first=$seconds && echo "accuracy: the first took $first s" >&2; }
}

# Whether the tables that a task needs are there.
has_data() { # TASK
    for variant in $(variants "$1"); do
        for table in $(tables "$1" "$variant"); do
            [ -e "$data/$table" ] ||
                { echo "accuracy: $1 skipped: no data at $data/$table" >&2 && return 1; }
        done
    done
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

# The files with the results of a task's seeds.
results() ( # TASK
    for seed in $(seeds_of "$1"); do
        if is_study "$1"; then set -- "$1" "$kept/$1"-*-"$seed".json; else set -- "$1" "$kept/$1-$seed.json"; fi
        for file; do
            case $file in *.json) [ ! -e "$file" ] || printf '%s\n' "$file" ;; esac
        done
    done
)
# What accuracy.jq makes of them.
render() { # TASK FILTER [FLAG]...
    of=$1
    filter=$2
    shift 2
    results "$of" | xargs -d '\n' jq -rs -L tools "$@" "include \"accuracy\"; $filter"
}

markdown() { # TASK
    if is_study "$1"; then
        render "$1" "$1"
        return
    fi
    render "$1" 'table, believed, contributions'
    [ "$1" != concordance ] || [ ! -e "$data/breast/cases.csv" ] || rule
}

# Whether there is a result of the task.
has_results() { # TASK
    [ "$(results "$1")" ]
}

targets() {
    echo '| target | figure | reached |'
    echo '|---|---:|---|'
    for task in $all; do
        # shellcheck disable=SC2016 # jq's variable
        ! has_results "$task" || render "$task" 'targets($task)' --arg task "$task"
    done
}

# Whether every task has results; petfinder has no target.
has_all() {
    for task in $all; do
        [ "$task" = petfinder ] || has_results "$task" || return 1
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
            skip=1
            if [ "$name" = targets ] && has_all; then
                targets
            elif [ "$name" != targets ] && has_results "$name"; then
                is_study "$name" || { command_of "$name" - | sed 's/^/    /; s/ *$//' && echo; }
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
tasks=
todo=0
for task in ${only:-$all}; do
    case " $all $studies " in
    *" $task "*) ;;
    *) echo "accuracy: no task $task: want one of $all $studies" >&2 && exit 64 ;;
    esac
    has_data "$task" || continue
    tasks="$tasks $task"
    for variant in $(variants "$task"); do
        for seed in $(seeds_of "$task"); do
            is_taken "$task" "$variant" "$seed" || todo=$((todo + 1))
        done
    done
done
echo "accuracy: $todo trainings to do" >&2
for task in $tasks; do
    for seed in $(seeds_of "$task"); do
        for variant in $(variants "$task"); do
            is_taken "$task" "$variant" "$seed" || take "$task" "$variant" "$seed"
        done
    done
    printf '\n## %s\n\n' "$task"
    markdown "$task"
done
printf '\n## targets\n\n'
targets
