#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""subscriber.py STREAM [AFTER] [FRONT]: prints each judgment with a number above AFTER (0) once."""
import json, os, sys, zmq
from keys import with_keys
stream, after, address = (sys.argv[1:] + ["", ""])[:3]
last, epoch = int(after or 0), 0  # the highest number printed, and the epoch that it is of
front, feed = (with_keys(zmq.Context.instance().socket(kind)) for kind in (zmq.DEALER, zmq.SUB))
front.connect(address or os.environ.get("ASSAY_FRONT") or f"ipc://{os.environ['ASSAY_RUNTIME']}/front")
send = lambda verb, **body: front.send_multipart([b"assay1", verb, json.dumps(body).encode()])

def show(body, data):
    global last
    if data["seq"] == last + 1:  # lower: printed before; higher: a gap, the replay closes it
        print(body.decode(), flush=True)
        last += 1

def replay(end=sys.maxsize):
    global last, epoch
    while last < end:
        send(b"REPLAY", stream=stream, after=last, credit=100, epoch=epoch)
        while (verb := front.poll(5000) and (answer := front.recv_multipart())[1]) == b"JUDGMENT":
            show(answer[2], json.loads(answer[2])["data"])
        if not verb: return  # the daemon went away: ask again at the next tick
        if verb not in (b"END", b"TRUNCATED", b"RESYNC"):  # each says where to go on
            sys.exit(f"{verb.decode()}: {answer[2].decode()}")
        last, epoch, end = (json.loads(answer[2])[key] for key in ("after", "epoch", "last"))

send(b"HELLO")
feed.subscribe(stream + "/")  # before the replay, so that nothing falls between the two
feed.connect(json.loads(front.recv_multipart()[2])["feed"])
replay()
while True:
    data = (event := json.loads(body := feed.recv_multipart()[1]))["data"]  # a tick: last, no seq
    if (same := int(event["id"].split("-")[0]) == epoch) and data.get("seq") == last + 1:
        show(body, data)
    elif not same or data.get("seq", data.get("last", 0)) > last:  # a restore, or a gap
        replay()
