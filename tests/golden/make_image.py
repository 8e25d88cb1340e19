# SPDX-License-Identifier: Apache-2.0
"""Writes image.safetensors, what tests/encoders/image/scatter_test.c holds the texture to.

Run by hand (PyTorch 1.13, NumPy): python3 make_image.py. Wavelets are whole 9 x 9 kernels here, and
planes go through conv2d with reflection, in double."""
import math
import os

import torch
import torch.nn.functional as F

import tensors

LEVELS, TURNS, CELLS, XI, EPS = 4, 6, 3, 2.2, 1e-3

torch.manual_seed(41)
torch.set_default_dtype(torch.float64)


def wavelets():
    """-> [2 TURNS, 1, 9, 9]: real and imaginary part of each."""
    r = torch.arange(-4.0, 5.0)
    y, x = torch.meshgrid(r, r, indexing="ij")
    g = torch.exp(-(x * x + y * y) / 2)
    g, out = g / g.sum(), []
    for k in range(TURNS):
        phase = XI * (x * math.cos(math.pi * k / TURNS) + y * math.sin(math.pi * k / TURNS))
        re = g * phase.cos()
        out += [re - g * re.sum(), g * phase.sin()]
    return torch.stack(out)[:, None]


def padded(x, n):
    return F.pad(x[None, None], (n, n, n, n), mode="reflect")


def halve(x):
    b = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    return F.conv2d(padded(x, 2), (b[:, None] * b)[None, None], stride=2)[0, 0]


def moduli(x):
    y = F.conv2d(padded(x, 4), wavelets())[0]
    return (y[0::2] ** 2 + y[1::2] ** 2).sqrt()


def sums(x, cells):
    out = [x.mean(), x.std(unbiased=False)]
    for i in range(CELLS if cells else 0):
        for j in range(CELLS):
            h, w = x.shape
            out.append(x[i * h // CELLS:(i + 1) * h // CELLS,
                         j * w // CELLS:(j + 1) * w // CELLS].mean())
    return out


def texture(picture):
    u, out = picture.mean(2), []
    for j in range(LEVELS):
        u = halve(u) if j > 0 else u
        for m in moduli(u):
            out += sums((m + EPS) ** 0.25, True)
            for _ in range(j + 1, LEVELS):
                m = halve(m)
                for n in moduli(m):
                    out += sums((n + EPS) ** 0.25, False)
    return torch.stack(out + sums(u, True))


out = {}
for side, channels in [(72, 1), (48, 3)]:
    x = torch.randn(side, side, channels)
    x = (x + 2 * x.roll(1, 0) + 2 * x.roll((0, 1), (0, 1))).float().double()
    out[f"{side}.x"], out[f"{side}.texture"] = x, texture(x)
tensors.save(os.path.join(os.path.dirname(os.path.abspath(__file__)), "image.safetensors"),
             {k: v.numpy() for k, v in out.items()})
