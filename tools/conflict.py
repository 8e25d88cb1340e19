#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does the conflict of a judgment find contradictions?

conflict.py OUT DATA FOLDER [--epochs N] - OUT: the build, DATA: the data sets, FOLDER: for models.

phantom: a model of 300 phantom cases judges 300 new ones, some of whose reports are of another
    lesion (column `contradicts`): AUC of the judgments' conflict, and of the report's own with what
    the other parts say.
swaps: five networks of the concordance task, each trained on four fifths of the breast cases; each
    judges its own fifth as it is, and every case of it with the pathology of every case of the
    other label there: the same AUCs of the swapped against those as they are, and beside them
    that of a rule: how far the network's probability by scan and findings alone is from what the
    pathology that was given stands for.
Prints one JSON object."""
import argparse
import csv
import json
import os
import subprocess
import sys

FOLDS = 5
ABSENT = {"", "not available", "not applicable"}


def auc(scores):
    """scores: (number, is it positive); ties count half."""
    order = sorted(scores, key=lambda s: s[0])
    ranks, positives, i = 0.0, 0, 0
    while i < len(order):
        j = i
        while j < len(order) and order[j][0] == order[i][0]:
            j += 1
        for k in range(i, j):
            if order[k][1]:
                ranks += (i + j + 1) / 2
                positives += 1
        i = j
    negatives = len(order) - positives
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives)


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}")
    return done.stdout.decode()


class Program:
    def __init__(self, out, folder, epochs):
        self.bin = os.path.join(out, "bin")
        self.folder = folder
        self.epochs = ["--epochs", str(epochs)] if epochs else []
        os.makedirs(folder, exist_ok=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def assay(self, *args):
        return run(os.path.join(self.bin, "assay"), *args)

    def train(self, task, table, model):
        self.assay("train", task, "--data", table, "--out", self.path(model), "--threads", "1",
                   *self.epochs)
        return self.path(model)

    def judge(self, model, table, *more):
        lines = self.assay("judge", model, "--data", table, "--json", *more).splitlines()
        return {j["subject"]: j["data"] for j in map(json.loads, lines)}


def of_report(judgment):
    return judgment["parts"]["report"]["conflict"]


def phantom(p):
    for name, seed in (("old", "1"), ("new", "2")):
        run(os.path.join(p.bin, "phantom"), "--cases", "300", "--seed", seed, "--out",
            p.path(name))
    model = p.train("examples/breast/phantom.ini", p.path("old/cases.csv"), "phantom.safetensors")
    judged = p.judge(model, p.path("new/cases.csv"))
    with open(p.path("new/cases.csv"), newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    scores = [(judged[r["case"]]["conflict"], r["contradicts"] == "yes") for r in rows]
    report = [(of_report(judged[r["case"]]), r["contradicts"] == "yes") for r in rows]
    return {"cases": len(scores), "contradicting": sum(s[1] for s in scores), "auc": auc(scores),
            "report": auc(report)}


def write(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as f:
        w = csv.DictWriter(f, rows[0].keys())
        w.writeheader()
        w.writerows(rows)
    return path


def swapped(rows):
    """Every case with the pathology of every case of the other label, where both have one."""
    told = [r for r in rows if r["pathology"].strip() not in ABSENT]
    return told, [dict(a, case=f"{a['case']}~{b['case']}", pathology=b["pathology"])
                  for a in told for b in told if a["label"] != b["label"]]


def swaps(p, data):
    folder = os.path.abspath(os.path.join(data, "breast"))
    with open(os.path.join(folder, "cases.csv"), newline="", encoding="utf-8") as f:
        rows = [dict(r, image=os.path.join(folder, r["image"])) for r in csv.DictReader(f)]
    rows.sort(key=lambda r: (r["label"], r["case"]))
    task = "examples/breast/concordance.ini"
    scores, report, rule = [], [], []
    for k in range(FOLDS):
        rest = [r for i, r in enumerate(rows) if i % FOLDS != k]
        own, other = swapped([r for i, r in enumerate(rows) if i % FOLDS == k])
        model = p.train(task, write(p.path(f"rest-{k}.csv"), rest), f"swaps-{k}.safetensors")
        table = write(p.path(f"swaps-{k}.csv"), own + other)
        judged = p.judge(model, table)
        seen = p.judge(model, table, "--without", "report")
        malignant = {r["case"]: float(r["label"] == "malignant") for r in own}
        for r in own + other:
            wrong = "~" in r["case"]
            truth = malignant[r["case"].split("~")[-1]]
            scores.append((judged[r["case"]]["conflict"], wrong))
            report.append((of_report(judged[r["case"]]), wrong))
            rule.append((abs(seen[r["case"]]["labels"]["malignant"] - truth), wrong))
    return {"cases": sum(not s[1] for s in scores), "swaps": sum(s[1] for s in scores),
            "auc": auc(scores), "report": auc(report), "rule": auc(rule)}


def main():
    a = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    a.add_argument("out")
    a.add_argument("data")
    a.add_argument("folder")
    a.add_argument("--epochs", type=int)
    o = a.parse_args()
    p = Program(o.out, o.folder, o.epochs)
    told = {"phantom": phantom(p)}
    if os.path.exists(os.path.join(o.data, "breast", "cases.csv")):
        told["swaps"] = swaps(p, o.data)
    print(json.dumps(told))


main()
