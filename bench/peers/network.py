#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""network.py FOLDER THREADS - the reference network in PyTorch: times it at batches 1, 8 and 32, and
with one thread by its seconds on the core at batch 8; writes FOLDER/fp32.onnx and FOLDER/int8.onnx (dynamic int8: DynamicQuantizeLinear and MatMulInteger,
which ONNX Runtime fuses) for onnx.js. Prints lines as bench.h has them."""
import sys
import time

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

WIDTH, HEADS, BLOCKS, HIDDEN, WORDS, PATCHES, CELLS = 256, 8, 4, 1024, 128, 196, 32


class Block(nn.Module):
    def __init__(self, dropout):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.gate = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)
        self.drop = nn.Dropout(dropout)

    def forward(self, x):
        b, n, d = x.shape
        h = self.norm1(x)
        q, k, v = self.qkv(h).chunk(3, -1)
        q = q * torch.sigmoid(self.gate(h.mean(1, keepdim=True)))
        q, k, v = [t.view(b, n, HEADS, d // HEADS).transpose(1, 2) for t in (q, k, v)]
        a = (q @ k.transpose(-2, -1) * (d // HEADS) ** -0.5).softmax(-1)
        x = x + self.drop(self.out((a @ v).transpose(1, 2).reshape(b, n, d)))
        return x + self.drop(self.down(nn.functional.gelu(self.up(self.norm2(x)))))


class Network(nn.Module):
    def __init__(self, dropout=0.0):
        super().__init__()
        self.word, self.patch = nn.Embedding(8192, WIDTH), nn.Linear(256, WIDTH)
        self.cell, self.head = nn.Linear(64, WIDTH), nn.Linear(WIDTH, 3)
        self.position = nn.Parameter(torch.randn(1, WORDS + PATCHES + CELLS, WIDTH) * 0.02)
        self.blocks = nn.ModuleList(Block(dropout) for _ in range(BLOCKS))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, t, i, c):
        x = torch.cat([self.word(t), self.patch(i), self.cell(c)], 1) + self.position
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(1))


def inputs(b):
    return (torch.randint(0, 8192, (b, WORDS)), torch.randn(b, PATCHES, 256),
            torch.randn(b, CELLS, 64))


def quantized(model):
    """The graph with every product by a constant matrix in dynamic int8."""
    graph = model.graph
    consts = {i.name: i for i in graph.initializer}
    nodes, added = [], []
    for k, node in enumerate(graph.node):
        w = consts.get(node.input[1]) if node.op_type in ("MatMul", "Gemm") else None
        if w is None or len(w.dims) != 2:
            nodes.append(node)
            continue
        v = numpy_helper.to_array(w).astype(np.float32)
        if any(a.name == "transB" and a.i for a in node.attribute):
            v = v.T
        scale = (np.abs(v).max(0) / 127 + 1e-12).astype(np.float32)
        p = f"q{k}"
        added += [numpy_helper.from_array(np.round(v / scale).astype(np.int8), p + "w"),
                  numpy_helper.from_array(scale, p + "s"),
                  numpy_helper.from_array(np.zeros((), np.int8), p + "z")]
        last = p + "o" if node.op_type == "Gemm" else node.output[0]
        nodes += [helper.make_node("DynamicQuantizeLinear", [node.input[0]],
                                   [p + "x", p + "xs", p + "xz"]),
                  helper.make_node("MatMulInteger", [p + "x", p + "w", p + "xz", p + "z"], [p + "i"]),
                  helper.make_node("Cast", [p + "i"], [p + "f"], to=TensorProto.FLOAT),
                  helper.make_node("Mul", [p + "xs", p + "s"], [p + "t"]),
                  helper.make_node("Mul", [p + "f", p + "t"], [last])]
        if node.op_type == "Gemm":
            nodes.append(helper.make_node("Add", [last, node.input[2]], [node.output[0]]))
    del graph.node[:]
    graph.node.extend(nodes)
    used = {i for n in nodes for i in n.input}
    keep = [i for i in list(graph.initializer) + added if i.name in used]
    del graph.initializer[:]
    graph.initializer.extend(keep)
    return model


def main():
    folder, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    net = Network().eval()
    with torch.no_grad():
        clock = time.process_time if threads == 1 else time.perf_counter
        for b in (8,) if threads == 1 else (1, 8, 32):
            x, rates = inputs(b), []
            for i in range(8):
                start = clock()
                net(*x)
                if i >= 1:
                    rates.append(b / (clock() - start))
            rates.sort()
            mid, spread = rates[3], 100 * (rates[-1] - rates[0]) / rates[3]
            what = "core\tPyTorch fp32, one core" if threads == 1 else f"network\tPyTorch fp32, batch {b}"
            print(f"{what}\t{mid:.4g}\t{spread:.0f}\tcases/s\t-", flush=True)
        torch.onnx.export(net, inputs(2), folder + "/fp32.onnx", input_names=["t", "i", "c"],
                          output_names=["y"], opset_version=14,
                          dynamic_axes={k: {0: "b"} for k in ("t", "i", "c", "y")})
    onnx.save(quantized(onnx.load(folder + "/fp32.onnx")), folder + "/int8.onnx")


if __name__ == "__main__":
    main()
