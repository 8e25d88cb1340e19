// SPDX-License-Identifier: Apache-2.0
// node subscriber.js STREAM [AFTER] [FRONT]: prints each judgment with a number above AFTER once.
const zmq = require("zeromq");
const keys = require("./keys");
const [stream, after, address] = process.argv.slice(2);
let last = Number(after || 0), epoch = 0; // the highest number printed, and its epoch
const front = new zmq.Dealer({ receiveTimeout: 5000, ...keys }); // ms
front.connect(address || process.env.ASSAY_FRONT || `ipc://${process.env.ASSAY_RUNTIME}/front`);
const send = (verb, body) => front.send(["assay1", verb, JSON.stringify(body)]);

function show(body, data) {
  if (data.seq !== last + 1) return; // lower: printed before; higher: a gap, the replay closes it
  console.log(body.toString());
  last += 1;
}

async function replay() {
  for (let verb = "", end = 1, body; verb !== "END" || last < end; ) {
    await send("REPLAY", { stream, after: last, credit: 100, epoch });
    while (([, verb, body] = (await front.receive()).map(String))[1] === "JUDGMENT")
      show(body, JSON.parse(body).data);
    if (!["END", "TRUNCATED", "RESYNC"].includes(verb)) throw new Error(`${verb}: ${body}`);
    ({ after: last, epoch, last: end } = JSON.parse(body)); // each of them says where to go on
  }
}

(async () => {
  await send("HELLO", {});
  const feed = new zmq.Subscriber(keys);
  feed.subscribe(stream + "/"); // before the replay, so that nothing falls between the two
  feed.connect(JSON.parse((await front.receive())[2]).feed);
  await replay();
  for await (const [, body] of feed) {
    const { id, data } = JSON.parse(body); // of a judgment: seq; of a tick: last
    const same = parseInt(id) === epoch; // else the journal was restored
    if (same && data.seq === last + 1) show(body, data);
    else if (!same || (data.seq ?? data.last) > last) await replay().catch(() => {});
  }
})();
