# SPDX-License-Identifier: Apache-2.0
"""Writes net.safetensors, what tests/train/golden_test.c holds the whole network to.

Run by hand (PyTorch 1.13, NumPy): python3 make_net.py. Scan, report and findings go through their
encoders and the fusion; two cases, the first with two pages of text, the second without a scan.
The loss is that of a training step: task, parts, alignment, and lambda a head's share. Inputs are
those of the encoders after reading: ids, pixels, encoded numbers."""
import math
import os

import torch
import torch.nn.functional as F

import fusion_reference as fusion
import net_reference as encode
import tensors

PARTS = ["scan", "report", "findings"]
KIND = {"scan": "image", "report": "text", "findings": "table"}
M = {"d": 8, "h": 2, "tau": 0.4, "side": 80, "bins": 4}
BUCKETS, EMBED, COLUMNS, LABELS = 256, 8, 2, 3
PART_LOSS, ALIGN_LOSS, LAMBDA, T = 0.3, 0.1, 0.05, 10.0
TARGET = [2, 0]

torch.manual_seed(31)
torch.set_default_dtype(torch.float64)


def rand(*shape, sd=1.0, mean=0.0):
    return torch.randn(*shape) * sd + mean


def whole(n, below):
    return torch.randint(below, (n,)).tolist()


def starts(n, most, least=0):
    """n bags of least..most ids."""
    at = [0]
    for k in whole(n, most - least + 1):
        at.append(at[-1] + least + k)
    return at


def block_weights(kind):
    d, w = M["d"], {}
    for name in ["block.0.norm1", "block.0.norm2", "norm"]:
        w[f"{name}.gamma"], w[f"{name}.beta"] = rand(d, sd=0.2, mean=1.0), rand(d, sd=0.2)
    for name in "qkvo":
        w[f"block.0.attn.{name}.w"] = rand(d, d, sd=1.5 * d ** -0.5)
    w["block.0.attn.o.b"] = rand(d, sd=0.1)
    w["block.0.attn.gate.w"] = rand(d, d, sd=0.3)
    # The second head of every encoder is closed.
    w["block.0.attn.gate.b"] = rand(d, sd=0.3) + torch.tensor([1.0] * 4 + [-2.0] * 4)
    w["block.0.up.w"], w["block.0.up.b"] = rand(2 * d, d, sd=d ** -0.5), rand(2 * d, sd=0.2)
    w["block.0.down.w"], w["block.0.down.b"] = rand(d, 2 * d, sd=0.25), rand(d, sd=0.2)
    return {f"{kind}.{k}": v for k, v in w.items()}


def encoder_weights():
    d, w = M["d"], {}
    w["text.embed.e"], w["text.in.w"] = rand(BUCKETS, EMBED), rand(d, EMBED, sd=EMBED ** -0.5)
    for i, (a, b) in enumerate([(1, 8), (8, 16), (16, 32), (32, 64)]):
        at = f"image.stem.{i}"
        for conv, n in [(at, a), (f"{at}.res", b)][:1 + (i > 0)]:
            w[f"{conv}.w"], w[f"{conv}.b"] = rand(b, 9 * n, sd=(9 * n) ** -0.5), rand(b, sd=0.1)
            w[f"{conv}.norm.gamma"] = rand(b, sd=0.2, mean=1.0)
            w[f"{conv}.norm.beta"] = rand(b, sd=0.2)
    w["image.stem.out.w"], w["image.stem.out.b"] = rand(d, 64, sd=64 ** -0.5), rand(d, sd=0.1)
    w["table.names.e"] = rand(2 * COLUMNS + 1 + 512, d, sd=0.5)
    w["table.numbers.w"] = rand((COLUMNS + 1) * M["bins"], d, sd=0.5)
    w["table.words.e"] = rand(BUCKETS, EMBED)
    w["table.in.w"] = rand(d, 2 * EMBED, sd=(2 * EMBED) ** -0.5)
    for at in ["text.in_norm", "table.in_norm"]:
        w[f"{at}.gamma"], w[f"{at}.beta"] = rand(d, sd=0.2, mean=1.0), rand(d, sd=0.2)
    for kind in ["text", "image", "table"]:
        w.update(block_weights(kind))
    return w


def text_page(n):
    start = starts(n, 4)  # some words have no rows
    return {"ids": whole(start[-1], BUCKETS), "start": start}


def table_page(n):
    number, word = list(range(0, n, 2)), list(range(1, n, 3))
    start = starts(2 * len(word), 3, least=1)
    return {"name": whole(n, 2 * COLUMNS + 1 + 512), "number": number,
            "set": whole(len(number), COLUMNS + 1), "e": rand(len(number), M["bins"], sd=0.5),
            "word": word, "ids": whole(start[-1], BUCKETS), "start": start}


def encode_part(w, part, pages):
    """-> the rows of all pages, and the sum of the shares."""
    rows, share = zip(*[getattr(encode, KIND[part])(M, w, p) for p in pages])
    return torch.cat(rows), sum(share)


def match(a, b):
    a, b = F.normalize(a, dim=1, eps=1e-6), F.normalize(b, dim=1, eps=1e-6)
    y = 2 * torch.eye(len(a)) - 1
    return -F.logsigmoid(y * (T * a @ b.T - math.log(len(a) - 1))).sum() / len(a)


# What C computes from is float32: the reference must start from the same numbers.
weights = {**encoder_weights(), **fusion.start(PARTS, {}, M["d"], LABELS)}
weights = {k: v.float().double().requires_grad_() for k, v in weights.items()}
cases = [{"scan": [{"pixels": rand(M["side"], M["side"], 1)}],
          "report": [text_page(40), text_page(5)], "findings": [table_page(9)]},
         {"report": [text_page(70)], "findings": [table_page(6)]}]
out = dict(weights)
loss, gates, z = 0.0, 0.0, []
for n, case in enumerate(cases):
    rows = {}
    for part, pages in case.items():
        for i, page in enumerate(pages):
            for k, v in page.items():
                page[k] = v.float().double() if torch.is_tensor(v) else v
                out[f"case{n}.{part}{i}.{k}"] = torch.as_tensor(page[k])
        rows[part], share = encode_part(weights, part, pages)
        gates = gates + LAMBDA * share
        out[f"case{n}.{part}.rows"] = rows[part]
    logits, late, zs, _ = fusion.forward(weights, PARTS, rows)
    target = torch.tensor(TARGET[n])
    loss = loss + F.cross_entropy(logits, target) / len(cases)
    loss = loss + PART_LOSS * sum(F.cross_entropy(v, target) for v in late.values()) / len(cases)
    z.append(zs)
    out[f"case{n}.logits"] = logits
# Report and findings are in both cases.
loss = loss + ALIGN_LOSS * match(*[torch.stack([c[p] for c in z]) for p in PARTS[1:]])
(loss + gates).backward()
out["loss"] = loss.reshape(1)
out.update({f"grad.{k}": torch.zeros_like(v) if v.grad is None else v.grad  # base: not used
            for k, v in weights.items() if k != "fusion.scale"})
tensors.save(os.path.join(os.path.dirname(os.path.abspath(__file__)), "net.safetensors"),
             {k: v.detach().numpy() for k, v in out.items()})
