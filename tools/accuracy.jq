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
  | "\(.[0].cases) cases; \(length) seeds; mean ± standard error over the seeds;"
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

def targets($name):
  if $name == "before-biopsy" then
    at_least("breast before biopsy, all parts: AUC >= 0.930"; .metrics.auc; 0.930),
    not_below("- all parts not below the best single part"; "parts"; best_part),
    not_below("- all parts not below logistic regression on findings + text"; "baselines"; "record+words"),
    at_least("- findings alone: AUC >= 0.91"; .parts.findings.auc; 0.91),
    at_least("- report alone: AUC >= 0.88"; .parts.report.auc; 0.88),
    (shuffles | sub("^\\| "; "| - ")),
    below("- 5 folds, table and final model on 2 threads: under 300 s"; .seconds; 300)
  elif $name == "concordance" then (shuffles | sub("^\\| "; "| concordance, "))
  elif $name == "wdbc" then at_least("wdbc: AUC >= 0.99"; .metrics.auc; 0.99)
  elif $name == "busi" then at_least("busi, malignant against benign: AUC >= 0.82"; .metrics.auc; 0.82)
  elif $name == "medpix" then
    not_below("medpix location: all parts not below the best single part"; "parts"; best_part)
  else empty end;
