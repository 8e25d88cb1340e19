// SPDX-License-Identifier: Apache-2.0
// onnx.js FOLDER THREADS - times FOLDER/fp32.onnx and FOLDER/int8.onnx (network.py) in ONNX Runtime at
// batches 1, 8 and 32, with one thread by its seconds on the core at batch 8. Prints lines as bench.h has them.
const path = require('path');
const folder = path.resolve(process.argv[2]);
const threads = Number(process.argv[3]);
const ort = require(path.join(folder, 'node_modules', 'onnxruntime-node'));

const cpu = () => { const t = process.cpuUsage(); return (t.user + t.system) / 1e6; };
const wall = () => Number(process.hrtime.bigint()) / 1e9;
const clock = threads === 1 ? cpu : wall;

const draw = (n) => Float32Array.from({ length: n }, () => Math.random() * 2 - 1);
const inputs = (b) => ({
    t: new ort.Tensor('int64', BigInt64Array.from({ length: b * 128 }, () =>
        BigInt(Math.floor(Math.random() * 8192))), [b, 128]),
    i: new ort.Tensor('float32', draw(b * 196 * 256), [b, 196, 256]),
    c: new ort.Tensor('float32', draw(b * 32 * 64), [b, 32, 64]),
});

async function time(type) {
    const session = await ort.InferenceSession.create(path.join(folder, type + '.onnx'),
        { intraOpNumThreads: threads, graphOptimizationLevel: 'all' });
    for (const b of threads === 1 ? [8] : [1, 8, 32]) {
        const x = inputs(b);
        const rates = [];
        for (let i = 0; i < 8; i++) {
            const start = clock();
            await session.run(x);
            if (i >= 1) rates.push(b / (clock() - start));
        }
        rates.sort((p, q) => p - q);
        const spread = 100 * (rates[6] - rates[0]) / rates[3];
        const what = threads === 1 ? `core\tonnxruntime ${type}, one core`
            : `network\tonnxruntime ${type}, batch ${b}`;
        console.log(`${what}\t${rates[3].toPrecision(4)}\t${spread.toFixed(0)}\tcases/s\t-`);
    }
}

time('fp32').then(() => time('int8'));
