# SPDX-License-Identifier: Apache-2.0
# accuracy.jq - Markdown for accuracy.sh, from the results of a task's seeds as one array.

def mean: add / length;
# Standard error over the seeds; null for one.
def spread:
  if length < 2 then null
  else mean as $m | length as $n | (map(pow(. - $m; 2)) | add) / ($n - 1) / $n | sqrt end;

def fixed:
  if . == null then "-"
  else (. * 1000 | round) as $n | ($n | fabs) as $a
    | (if $n < 0 then "-" else "" end) + ($a / 1000 | floor | tostring) + "."
      + ("00" + ($a % 1000 | tostring))[-3:]
  end;
def signed: if . != null and (. * 1000 | round) > 0 then "+" + fixed else fixed end;
def row: "| " + join(" | ") + " |";

def metrics:
  .[0].metrics as $m
  | ["auc", "ap", "accuracy", "f1", "sensitivity", "specificity", "kappa", "mae", "rmse", "r2"]
  | map(select($m[.] != null));

# Mean over the seeds, and its error, of one number of theirs.
def over_seeds(f): map(f) | if any(. == null) then "-" else (mean | fixed)
  + (spread | if . == null then "" else " ± " + fixed end) end;
# A difference, with the error that the choice of cases gives it: the seeds share their cases, so
# that error does not shrink with their number.
def difference(d; e): map(d) as $d | map(e) as $e
  | if ($d + $e) | any(. == null) then ""
    else ($d | mean | signed) + " ± " + ($e | mean | fixed) end;

def lines($from; $prefix; $suffix; d; e):
  . as $seeds | metrics as $columns
  | .[0][$from] // {} | keys_unsorted[] as $k
  | [$prefix + $k + $suffix]
    + [$columns[] as $c | $seeds | over_seeds(.[$from][$k][$c])]
    + [$seeds | map(.[$from][$k]) | difference(d; e)]
  | row;

def table:
  . as $seeds | metrics as $columns
  | "\(.[0].cases) cases; \(length) seed\(if length > 1 then "s" else "" end); mean ± standard error over the seeds;"
    + " \(map(.seconds) | mean | round) s a training with its table.",
    "",
    ([""] + $columns + ["\(.[0].compared) - all"] | row),
    ([""] + ($columns | map("---:")) + ["---:"] | map(if . == "" then "---" else . end) | row),
    (["all parts"] + [$columns[] as $c | $seeds | over_seeds(.metrics[$c])] + [""] | row),
    lines("parts"; ""; ""; .difference; .difference_se),
    lines("baselines"; "baseline: "; ""; .difference; .difference_se),
    lines("shuffled"; ""; " shuffled"; .drop | if . == null then null else -. end; .se);

# How far it can be believed: calibration, error against the share judged, sets for each pattern of
# parts. The band of a pattern is that of its first seed; "within" counts the seeds in their own.
def believed:
  . as $seeds
  | if .[0].calibration == null then empty else
      "",
      "Expected calibration error \(over_seeds(.calibration.before.ece)) before and"
      + " \(over_seeds(.calibration.after.ece)) after calibration; Brier score"
      + " \(over_seeds(.calibration.before.brier)) and \(over_seeds(.calibration.after.brier)).",
      "Error where the surest are judged: "
      + ([range(.[0].risk | length) as $i
          | "\($seeds[0].risk[$i].judged * 100 | round) %: \($seeds | over_seeds(.risk[$i].error))"]
         | join("; ")) + "."
    end,
    if .[0].sets == null then empty else
      "",
      (["sets of \(.[0].sets.coverage * 100 | round) %", "cases", "covered", "expected", "within",
        "mean size"] | row),
      (["---", "---:", "---:", "---:", "---:", "---:"] | row),
      (.[0].sets | keys_unsorted[] | select(. != "coverage")) as $p
      | ($seeds | map(.sets[$p] | select(. != null and .n > 0))) as $of
      | select(($of | length) > 0)
      | [$p, ($of | map(.n) | mean | round | tostring), ($of | over_seeds(.covered)),
         "\($of[0].from | fixed) to \($of[0].to | fixed)",
         "\($of | map(select(.covered >= .from and .covered <= .to)) | length) of \($of | length)",
         ($of | over_seeds(.size))]
      | row
    end;

# Of a study: results by variant, each an array over the seeds.
def of($v): map(select(.variant == $v)) | sort_by(.seed);

# What f says of each fold, $a less $b on the same folds: mean, and the sd of the folds' differences
# over the root of their number; the seeds share their cases, so both are means over the seeds. Without
# folds: the mean over the seeds and its standard error.
def paired($a; $b; f):
  [$a[] as $x | $b[] | select(.seed == $x.seed) as $y
    | [($x | [f]), ($y | [f])] | transpose | map(.[0] - .[1])]
  | if length == 0 then ""
    elif all(length == 1) then (map(.[0]) | "\(mean | signed) ± \(spread | fixed)")
    else (map(mean) | mean | signed) + " ± " + (map(spread) | mean | fixed) end;
def folds: .metrics.folds // [.metrics] | .[];
def share: . * 1000 | round / 10 | tostring + " %";
def head($cells): ($cells | row), ([$cells[] | "---:"] | .[0] = "---" | row);

# Dynamic attention against fixed attention.
def gates_kinds:
  [["fixed", "fixed"], ["0", "`gate_loss = 0`"], ["0.3", "`gate_loss = 0.3`"], ["1", "`gate_loss = 1`"]];
def gates_of:
  [["noscan", "report + findings"], ["breast", "all parts"], ["wdbc", "wdbc"], ["busi", "busi"],
   ["medpix", "medpix location"]];
def gates:
  . as $all
  | head(["", "seeds", "auc", "of each seed", "auc - fixed", "accuracy", "accuracy - fixed",
      "heads skipped", "arithmetic skipped"]),
    (gates_of[] as [$of, $what] | gates_kinds[] as [$v, $name]
      | ($all | of($of + "-fixed")) as $fixed | ($all | of($of + "-" + $v)) as $x
      | select(($x | length) > 0)
      | ["\($what), \($name)", ($x | length | tostring), ($x | over_seeds(.metrics.auc)),
         ($x | map(.metrics.auc | fixed) | join(", ")),
         (if $v == "fixed" then "" else paired($x; $fixed; folds.auc) end),
         ($x | over_seeds(.metrics.accuracy)),
         (if $v == "fixed" then "" else paired($x; $fixed; folds.accuracy) end),
         ($x | map(.heads.skipped) | mean | share), ($x | map(.heads.arithmetic_skipped) | mean | share)]
      | row),
    (gates_of[] as [$of, $what]
      | ([gates_kinds[1:][] as [$v, $name] | {$name, x: ($all | of($of + "-" + $v))}
          | select(.x[0].closed_below)]) as $kinds
      | select(($kinds | length) > 0)
      | "",
        head(["\($what): heads closed below"]
          + [$kinds[] | "\(.name): heads, arithmetic skipped", "auc - as trained"]),
        ($kinds[0].x[0].closed_below | keys[]) as $t
        | [$t]
          + [$kinds[].x | (map(.closed_below[$t].heads.skipped) | mean | share) + ", "
                + (map(.closed_below[$t].heads.arithmetic_skipped) | mean | share),
              difference(.closed_below[$t].difference; .closed_below[$t].difference_se)]
        | row);

# A part missing from some of the cases, beside networks that never had it.
def missing:
  . as $all
  | head(["", "seeds", "compared", "all parts", "missing from 30 %", "60 %", "100 %", "trained without it",
      "100 % - trained without it"]),
    ([["breast", "before biopsy"], ["medpix", "medpix location"], ["petfinder", "petfinder"]][] as [$of, $what]
      | ($all | of($of + "-all")) as $x
      | select(($x | length) > 0)
      | $x[0].compared as $c
      | ($x[0].missing | keys_unsorted[]) as $part
      | ($all | of("\($of)-\($part)")) as $never
      | ["\($what), \($part)", ($x | length | tostring), $c, ($x | over_seeds(.metrics[$c]))]
        + [("0.3", "0.6", "1") as $share | $x | over_seeds(.missing[$part][$share][$c])]
        + [($never | over_seeds(.metrics[$c])),
           paired($x | map({seed, metrics: .missing[$part]["1"]}); $never; folds[$c])]
      | row);

# What compress keeps, and the students of a fifth.
def student($x; $who): ($x | over_seeds(.[$who].auc));
def importance:
  . as $all
  | head(["removed", "weights", "seeds"] + [("taylor", "gradient", "magnitude", "random") | ., "- teacher"]),
    (("50", "70", "85") as $removed
      | ([("taylor", "gradient", "magnitude", "random") as $how | $all | of("\($how)-\($removed)")]) as $x
      | select($x | all(length > 0))
      | ["\(1 - $x[0][0].kept | share) of the structures",
         "\($x[0][0].student.weights / $x[0][0].teacher.weights | share)", ($x[0] | length | tostring)]
        + [$x[] | student(.; "student"), difference(.student.difference; .student.difference_se)]
      | row),
    (($all | of("taylor-fifth")) as $x | ($all | of("curriculum-fifth")) as $c
      | select(($x | length) > 0 and ($c | length) > 0)
      | "",
        "\($x[0].teacher.weights) weights against \($x[0].student.weights)"
        + " (\($x[0].student.weights / $x[0].teacher.weights | share));"
        + " files of \($x[0].teacher.bytes) bytes, \($x[0].student.bytes), and \($x[0].student_int8.bytes) in int8.",
        "",
        head(["seed", "teacher", "student", "student int8", "student, `--order curriculum`", "same size, directly"]),
        (def cell($m): ($m.auc | fixed) + " (" + ($m.difference | signed) + " ± " + ($m.difference_se | fixed) + ")";
          $x[] as $s | $c[] | select(.seed == $s.seed)
          | [($s.seed | tostring), ($s.teacher.auc | fixed), cell($s.student), cell($s.student_int8),
             cell(.student), cell($s.same_size)]
          | row),
        (["mean", student($x; "teacher"), student($x; "student"), student($x; "student_int8"),
          student($c; "student"), student($x; "same_size")] | row));

# With a base of busi and of the fold's own cases, and without.
def pretraining:
  . as $all
  | head(["labelled cases", "seeds", "auc from scratch", "with a base", "base - scratch",
      "scan alone from scratch", "with a base", "base - scratch"]),
    (("25", "50", "100", "120", "160") as $n
      | ($all | of("scratch-" + $n)) as $s | ($all | of("base-" + $n)) as $b
      | select(($s | length) > 0 and ($b | length) > 0)
      | [$n, ($b | length | tostring), ($s | over_seeds(.metrics.auc)), ($b | over_seeds(.metrics.auc)),
         paired($b; $s; .metrics.folds[].auc),
         ($s | over_seeds(.parts.scan.auc)), ($b | over_seeds(.parts.scan.auc)),
         paired($b; $s; .parts.scan.folds[].auc)]
      | row);

# What each part says towards the true label, before its exchange and after.
def contributions:
  . as $seeds
  | if .[0].shuffled == null or any(.[].shuffled[]; .contribution == null) then empty else
      "",
      head(["log-odds towards the true label", "as it is", "shuffled"]),
      (.[0].shuffled | keys_unsorted[] as $k
        | [$k, ($seeds | over_seeds(.shuffled[$k].contribution)),
           ($seeds | over_seeds(.shuffled[$k].contribution_shuffled))]
        | row)
    end;

# Rows of the targets: what, figure, whether it is reached.
def target($what; $figure; $reached): [$what, $figure, if $reached then "yes" else "**no**" end] | row;
def at_least($what; f; $limit): target($what; over_seeds(f); (map(f) | mean) >= $limit);
def below($what; f; $limit): target($what; map(f) | mean | round | tostring; (map(f) | mean) < $limit);

# All parts against the line of this group and name: not below by more than one error.
def not_below($what; $from; $name):
  (map(.[$from][$name].difference) | mean) as $d | (map(.[$from][$name].difference_se) | mean) as $e
  | target($what + " (\($name))"; "\(-$d | signed) ± \($e | fixed)"; $d <= $e);
# The single part that is best by the metric that is compared.
def best_part:
  . as $seeds | .[0].compared as $c
  | [.[0].parts | keys_unsorted[] | select(contains("+") | not)]
  | max_by(. as $k | $seeds | map(.parts[$k][$c]) | mean);

def shuffles:
  . as $seeds
  | .[0].shuffled // {} | keys_unsorted[] as $k
  | ($seeds | map(.parts[$k].auc) | mean) as $alone
  | select($alone >= 0.7)
  | ($seeds | map(.shuffled[$k].drop) | mean) as $drop | ($seeds | map(.shuffled[$k].se) | mean) as $e
  | target("\($k) (alone \($alone | fixed)) shuffled: lower by more than one error";
      "-\($drop | fixed) ± \($e | fixed)"; $drop > $e);

# Those of the first three seeds, where there are more beside them; else nothing.
def first_three: select(length > 3) | map(select(.seed <= 3)) | select(length == 3);

def targets($name):
  if $name == "before-biopsy" then
    at_least("breast before biopsy, all parts: AUC >= 0.930"; .metrics.auc; 0.930),
    at_least("- all parts: AUC >= 0.945"; .metrics.auc; 0.945),
    not_below("- all parts not below the best single part"; "parts"; best_part),
    not_below("- all parts not below logistic regression on findings + text"; "baselines"; "record+words"),
    at_least("- specificity at a sensitivity of 0.967 >= 0.80"; .specificity_at; 0.80),
    at_least("- findings alone: AUC >= 0.91"; .parts.findings.auc; 0.91),
    (first_three
      | at_least("- seeds 1 to 3 only, all parts: AUC >= 0.930"; .metrics.auc; 0.930),
        at_least("- seeds 1 to 3 only, findings alone: AUC >= 0.91"; .parts.findings.auc; 0.91)),
    at_least("- report alone: AUC >= 0.88"; .parts.report.auc; 0.88),
    (shuffles | sub("^\\| "; "| - ")),
    below("- 5 folds, table and final model on 2 threads: under 300 s"; .seconds; 300)
  elif $name == "scan" then at_least("breast, the scan alone, from busi: AUC >= 0.78"; .metrics.auc; 0.78)
  elif $name == "concordance" then (shuffles | sub("^\\| "; "| concordance, "))
  elif $name == "wdbc" then at_least("wdbc: AUC >= 0.99"; .metrics.auc; 0.99)
  elif $name == "busi" then at_least("busi, malignant against benign: AUC >= 0.87"; .metrics.auc; 0.87)
  elif $name == "medpix" then
    not_below("medpix location: all parts not below the best single part"; "parts"; best_part)
  elif $name == "modality" then
    at_least("medpix, CT or MR: accuracy >= 0.93"; .metrics.accuracy; 0.93),
    not_below("- all parts not below the image alone"; "parts"; "scan")
  else empty end;
