#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""subscriber.py STREAM [AFTER] [FRONT]: prints each judgment with a number above AFTER (0) once."""
import json, os, sys, zmq
stream, after, address = (sys.argv[1:] + ["", ""])[:3]
last = int(after or 0)  # the highest number printed
front, feed = (zmq.Context.instance().socket(kind) for kind in (zmq.DEALER, zmq.SUB))
front.connect(address or f"ipc://{os.environ['ASSAY_RUNTIME']}/front")

def send(verb, body):
    front.send_multipart([b"assay1", verb, json.dumps(body).encode()])

def show(body, data):
    global last
    if data["seq"] == last + 1:  # lower: printed before; higher: a gap, the replay closes it
        print(body.decode(), flush=True)
        last += 1

def replay():
    send(b"REPLAY", {"stream": stream, "after": last, "credit": 100})
    while front.poll(5000):  # no answer in 5 s: the daemon went away, ask again at the next tick
        _, verb, body = front.recv_multipart()[:3]
        if verb == b"JUDGMENT":
            show(body, json.loads(body)["data"])
        elif verb == b"END" and last < json.loads(body)["last"]:
            send(b"REPLAY", {"stream": stream, "after": last, "credit": 100})
        else:
            return verb == b"END" or sys.exit(f"{verb.decode()}: {body.decode()}")

send(b"HELLO", {})
feed.subscribe(stream + "/")  # before the replay, so that nothing falls between the two
feed.connect(json.loads(front.recv_multipart()[2])["feed"])
replay()
while True:
    data = json.loads(body := feed.recv_multipart()[1])["data"]  # of a tick: last, not seq
    if data.get("seq", 0) == last + 1:
        show(body, data)
    elif data.get("seq", data.get("last", 0)) > last:  # a gap, or a tick that counts further
        replay()
