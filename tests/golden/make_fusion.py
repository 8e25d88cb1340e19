# SPDX-License-Identifier: Apache-2.0
"""Writes fusion.safetensors, what tests/fusion/golden_test.c holds the fusion network to.

Run by hand (PyTorch 1.13, NumPy): python3 make_fusion.py. Three parts, series on frozen features
of 5 columns; d = 8, 3 labels. Case N has the rows of its parts, random derivatives of a loss by
logits, late and z, and the gradients of every weight and row that follow."""
import os

import torch

import fusion_reference as reference
import tensors

PARTS = ["scan", "report", "series"]
ROWS = {"scan": (4, 8), "report": (6, 8), "series": (3, 5)}
CASES = [PARTS, ["report", "series"], ["series"], []]

torch.manual_seed(20)
torch.set_default_dtype(torch.float64)
weights = reference.start(PARTS, {"series": 5}, 8, 3)
# What C computes from is float32: the reference must start from the same numbers.
weights = {k: v.float().double().requires_grad_() for k, v in weights.items()}
out = {k: v.detach().numpy() for k, v in weights.items()}

for n, present in enumerate(CASES):
    rows = {p: torch.randn(*ROWS[p]).float().double().requires_grad_() for p in present}
    logits, late, z, weight = reference.forward(weights, PARTS, rows)
    given = {"logits": torch.randn(3), **{f"late.{p}": torch.randn(3) for p in present},
             **{f"z.{p}": torch.randn(8) for p in present}}
    given = {k: v.float().double() for k, v in given.items()}
    loss = (given["logits"] * logits).sum()
    loss = loss + sum((given[f"late.{p}"] * late[p]).sum() for p in present)
    loss = loss + sum((given[f"z.{p}"] * z[p]).sum() for p in present)
    for v in weights.values():
        v.grad = None
    loss.backward()
    case = {"out.logits": logits, **{f"given.{k}": v for k, v in given.items()},
            **{f"out.late.{p}": late[p] for p in present}, **{f"out.z.{p}": z[p] for p in present},
            **{f"out.weight.{p}": weight[p].reshape(1) for p in present},
            **{f"rows.{p}": rows[p] for p in present},
            **{f"grad.rows.{p}": rows[p].grad for p in present},
            **{f"grad.{k}": v.grad for k, v in weights.items()
               if v.grad is not None and k != "fusion.scale"}}
    out.update({f"case{n}.{k}": v.detach().numpy() for k, v in case.items()})

tensors.save(os.path.join(os.path.dirname(os.path.abspath(__file__)), "fusion.safetensors"), out)
