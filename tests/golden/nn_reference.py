# SPDX-License-Identifier: Apache-2.0
"""Layers in PyTorch that make_nn.py and make_net.py share; `at` is the prefix of a layer's weights.

Where PyTorch has the layer that is the reference; the gate is written out."""
import math

import torch
import torch.nn.functional as F


def norm(x, w, at=""):
    return F.layer_norm(x, x.shape[-1:], w[at + "gamma"], w[at + "beta"], eps=1e-5)


def gnorm(x, w, at=""):
    """x [places, channels], one picture."""
    return F.group_norm(x.T[None], 8, w[at + "gamma"], w[at + "beta"], eps=1e-5)[0].T


def image(x):
    return x.permute(2, 0, 1)[None]


def conv(stride):
    def forward(x, w):
        # Ours is [out, 3, 3, in], channels last.
        k = w["w"].reshape(len(w["b"]), 3, 3, x.shape[2]).permute(0, 3, 1, 2)
        return F.conv2d(image(x), k, w["b"], stride=stride, padding=1)[0].permute(1, 2, 0)
    return forward


def shares(h, w, x, at=""):
    g = torch.sigmoid(F.linear(x.mean(0), w[at + "gate.w"], w[at + "gate.b"]))
    return g, g.reshape(h, -1).mean(1)


def spans(w, x, at=""):
    return torch.sigmoid(F.linear(x.mean(0), w[at + "span.w"], w[at + "span.b"]))


def fade(window, globals_, ramp):
    """The mask [h, n, n] that spans put on the exponentials."""
    def forward(x, w, at):
        z = spans(w, x, at)[:, None, None] * (window // 2)
        i, j = torch.arange(len(x))[:, None], torch.arange(len(x))[None]
        m = ((ramp + z - (i - j).abs()) / ramp).clamp(0, 1)
        return torch.where((i < globals_) | (j < globals_), torch.ones_like(m), m)
    return forward


def gated(h, tau=0.0, mask=None, at="", fade=None):
    def forward(x, w):
        n, d = x.shape
        g, share = shares(h, w, x, at)
        q = (F.linear(x, w[at + "q.w"]) * g).reshape(n, h, -1)
        k = F.linear(x, w[at + "k.w"]).reshape(n, h, -1)
        v = F.linear(x, w[at + "v.w"]).reshape(n, h, -1)
        s = torch.einsum("ihc,jhc->hij", q, k) / math.sqrt(d // h)
        a = torch.softmax(s if mask is None else s.masked_fill(~mask, -math.inf), -1)
        if fade is not None:
            a = a * fade(x, w, at)
            a = a / a.sum(-1, keepdim=True)
        z = torch.einsum("hij,jhc->ihc", a, v) * share[None, :, None]
        masked = z * (share >= tau)[None, :, None]
        y = F.linear(z.reshape(n, d), w[at + "o.w"], w[at + "o.b"])
        closed = F.linear(masked.reshape(n, d), w[at + "o.w"], w[at + "o.b"])
        return y + (closed - y).detach()  # straight-through
    return forward


def block(h, tau):
    def forward(x, w):
        x = x + gated(h, tau, at="attn.")(norm(x, w, "norm1."), w)
        up = F.gelu(F.linear(norm(x, w, "norm2."), w["up.w"], w["up.b"]))
        return x + F.linear(up, w["down.w"], w["down.b"])
    return forward
