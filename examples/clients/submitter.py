#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""submitter.py STREAM CASE PART=FILE...: submits one case, prints its judgment ($ASSAY_FRONT or
ipc://$ASSAY_RUNTIME/front). A record is a CSV file with a header and one row."""
import hashlib, json, os, sys, time, zmq
from keys import with_keys

stream, case, files = sys.argv[1], sys.argv[2], sys.argv[3:]
types = {"text": "text/plain; charset=utf-8", "table": "text/csv"}
front = with_keys(zmq.Context.instance().socket(zmq.DEALER))
front.connect(os.environ.get("ASSAY_FRONT") or f"ipc://{os.environ['ASSAY_RUNTIME']}/front")

def ask(verb, body, *frames):
    front.send_multipart([b"assay1", verb, json.dumps(body).encode(), *frames])
    return answer()

def answer():
    _, verb, body = front.recv_multipart()[:3]
    return verb.decode(), body.decode()

verb, body = ask(b"TASK", {"stream": stream})
if verb != "TASK":
    sys.exit(f"{verb}: {body}")
modality = {p["name"]: p["modality"] for p in json.loads(body)["task"]["parts"]}
parts, frames = [], []
for name, _, path in (f.partition("=") for f in files):
    frames.append(open(path, "rb").read())
    parts.append({"name": name, "page": 0, "size": len(frames[-1]),
                  "type": types.get(modality.get(name), "application/octet-stream"),
                  "sha256": hashlib.sha256(frames[-1]).hexdigest()})
submit = {"stream": stream, "case": case, "parts": parts, "complete": True, "wait": True}
while (reply := ask(b"SUBMIT", submit, *frames))[0] == "BUSY":
    time.sleep(json.loads(reply[1])["retry_after_ms"] / 1000)
if reply[0] != "ACCEPTED":
    sys.exit(f"{reply[0]}: {reply[1]}")
print(answer()[1])
