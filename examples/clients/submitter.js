// SPDX-License-Identifier: Apache-2.0
// node submitter.js STREAM CASE PART=FILE...: submits one case and prints its judgment
// ($ASSAY_FRONT or ipc://$ASSAY_RUNTIME/front). A record is a CSV file with a header and one row.
const zmq = require("zeromq");
const { createHash } = require("crypto");
const { readFileSync } = require("fs");
const keys = require("./keys");

const [stream, id, ...files] = process.argv.slice(2);
const types = { text: "text/plain; charset=utf-8", table: "text/csv" };
const front = new zmq.Dealer(keys);
front.connect(process.env.ASSAY_FRONT || `ipc://${process.env.ASSAY_RUNTIME}/front`);

async function ask(verb, body, frames = []) {
  await front.send(["assay1", verb, JSON.stringify(body), ...frames]);
  return (await front.receive()).map(String);
}

(async () => {
  const [, verb, body] = await ask("TASK", { stream });
  if (verb !== "TASK") throw new Error(`${verb}: ${body}`);
  const modality = Object.fromEntries(JSON.parse(body).task.parts.map((p) => [p.name, p.modality]));
  const frames = files.map((f) => readFileSync(f.slice(f.indexOf("=") + 1)));
  const parts = files.map((f, i) => {
    const name = f.slice(0, f.indexOf("="));
    const type = types[modality[name]] || "application/octet-stream";
    const sha256 = createHash("sha256").update(frames[i]).digest("hex");
    return { name, page: 0, type, size: frames[i].length, sha256 };
  });
  for (;;) {
    const submit = { stream, case: id, parts, complete: true, wait: true };
    const [, said, why] = await ask("SUBMIT", submit, frames);
    if (said === "ACCEPTED") break;
    if (said !== "BUSY") throw new Error(`${said}: ${why}`);
    await new Promise((again) => setTimeout(again, JSON.parse(why).retry_after_ms));
  }
  console.log((await front.receive())[2].toString());
  process.exit(0);
})();
