#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""series.py - the encoder of series.c in Python: the same modality, name, version and features.

  series.py features CASES.csv COLUMN PART DIR   writes DIR/CASE.PART.safetensors to train on
  series.py work ENDPOINT                        serves a daemon's work socket (needs pyzmq)
"""
import csv
import json
import math
import os
import re
import struct
import sys
import time

DIM, WINDOWS, VALUES_MAX = 8, 16, 65536
ENCODER = {"modality": "series", "encoder": "series", "version": "1"}


def window(v):
    """The eight features of one window; series.c says which."""
    n = len(v)
    mean = sum(v) / n
    steps = [b - a for a, b in zip(v, v[1:])]
    return [mean, math.sqrt(sum((x - mean) ** 2 for x in v) / n), min(v), max(v), v[-1] - v[0],
            sum(map(abs, steps)) / max(1, n - 1), sum(s > 0 for s in steps) / max(1, n - 1),
            math.log1p(n)]


def encode(data):
    """Rows of features and their places [a, b) in values; ValueError says why it is refused."""
    v = [float(word) for word in re.split(rb"[ \t\r\n,]+", data) if word]
    if not v:
        raise ValueError("no values")
    if len(v) > VALUES_MAX or not all(map(math.isfinite, v)):
        raise ValueError("more than 65536 values, or one that is not finite")
    k = min(len(v), WINDOWS)
    spans = [(len(v) * w // k, len(v) * (w + 1) // k) for w in range(k)]
    return [window(v[a:b]) for a, b in spans], spans


def pack(rows):
    return b"".join(struct.pack(f"<{DIM}f", *row) for row in rows)


def write_features(table, column, part, folder):
    """One safetensors file a case: v [rows, dim], and in its metadata whose features they are."""
    os.makedirs(folder, exist_ok=True)
    with open(table, newline="", encoding="utf-8") as f:
        for case in csv.DictReader(f):
            if not case[column]:
                continue
            with open(os.path.join(os.path.dirname(table), case[column]), "rb") as series:
                rows, _ = encode(series.read())
            header = json.dumps({"__metadata__": ENCODER, "v": {
                "dtype": "F32", "shape": [len(rows), DIM],
                "data_offsets": [0, 4 * DIM * len(rows)]}}).encode()
            header += b" " * (-len(header) % 8)
            with open(os.path.join(folder, f"{case['case']}.{part}.safetensors"), "wb") as out:
                out.write(struct.pack("<Q", len(header)) + header + pack(rows))


class Worker:
    """Speaks the worker protocol: a DEALER to the daemon, a PUSH for features to each address."""

    def __init__(self, endpoint):
        import zmq

        self.zmq, self.ctx, self.push = zmq, zmq.Context(), {}
        self.work = self.ctx.socket(zmq.DEALER)
        self.work.connect(endpoint)
        self.models = {}  # digest -> the PUSH socket of its features

    def say(self, verb, body):
        self.work.send_multipart([b"assay1", verb, json.dumps(body).encode()])

    def run(self):
        self.say(b"READY", {**ENCODER, "credit": 4, "pid": os.getpid()})
        pinged = time.monotonic()
        while True:
            if self.work.poll(500):
                _, verb, body, *data = self.work.recv_multipart()
                if verb == b"STOP":
                    return
                self.take(verb, json.loads(body), data)
            if time.monotonic() - pinged >= 2:
                self.say(b"PING", {})
                pinged = time.monotonic()

    def take(self, verb, body, data):
        if verb == b"MODEL":
            address = body["features"]
            if address not in self.push:
                self.push[address] = self.ctx.socket(self.zmq.PUSH)
                self.push[address].connect(address)
            self.models[body["model"]] = self.push[address]
            self.say(b"LOADED", {"model": body["model"], "dim": DIM, "rows_max": WINDOWS})
        elif verb == b"FORGET":
            self.models.pop(body["model"], None)
        elif verb == b"JOB":
            self.say(b"RUNNING", {"job": body["job"]})
            self.models[body["model"]].send_multipart(self.job(body, data[0]))
        elif verb == b"ERROR":  # a daemon that does not know us: it was started anew
            self.say(b"READY", {**ENCODER, "credit": 4, "pid": os.getpid()})

    def job(self, body, data):
        """The answer to one job: FEATURES with rows and places, or FAILED."""
        answer = {"job": body["job"], "model": body["model"]}
        start = time.monotonic()
        try:
            rows, spans = encode(data)
        except ValueError as why:
            answer.update(limit="", message=str(why))
            return [b"assay1", b"FAILED", json.dumps(answer).encode()]
        ms = {"decode": 0.0, "encode": 1e3 * (time.monotonic() - start)}
        answer.update(rows=len(rows), dim=DIM, ms=ms)
        places = b"".join(struct.pack("<5I44s", body["page"], a, b, 0, 0,
                                      f"values {a + 1} to {b}".encode()) for a, b in spans)
        return [b"assay1", b"FEATURES", json.dumps(answer).encode(), pack(rows), places]


if __name__ == "__main__":
    if len(sys.argv) == 6 and sys.argv[1] == "features":
        write_features(*sys.argv[2:])
    elif len(sys.argv) == 3 and sys.argv[1] == "work":
        Worker(sys.argv[2]).run()
    else:
        sys.exit(__doc__)
