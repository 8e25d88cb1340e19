#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""train.py - the reference network (network.py) trained in PyTorch on one core: forward with dropout
after attention and MLP, cross-entropy, backward, the gradient's norm cut at 1 and a step of AdamW for
each batch of 8. Prints a line as bench.h has it."""
import os
import sys
import time

import torch
from torch import nn

sys.argv = ["network.py"]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from network import Network, inputs

BATCH, ROUNDS = 8, 5


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = Network(dropout=0.1).train()
    adam = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.01)
    x, target = inputs(BATCH), torch.arange(BATCH) % 3
    rates = []
    for i in range(ROUNDS + 1):
        start = time.process_time()
        adam.zero_grad()
        nn.functional.cross_entropy(net(*x), target).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        adam.step()
        if i >= 1:
            rates.append(BATCH / (time.process_time() - start))
    rates.sort()
    mid = rates[ROUNDS // 2]
    print(f"train\tPyTorch, training\t{mid:.4g}\t{100 * (rates[-1] - rates[0]) / mid:.0f}\tcases/s\t-")


main()
