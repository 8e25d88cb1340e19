# SPDX-License-Identifier: Apache-2.0
"""Writes nn.safetensors, what tests/core/nn/golden_test.c holds every layer to.

Run by hand (PyTorch 1.13, NumPy): python3 make_nn.py. A case has x, its weights under the names the
layer registers, dy (random), and what PyTorch makes of them in double: y, dx and grad.<weight>.
Where PyTorch has the layer (linear, layer_norm, group_norm, gelu, embedding_bag, conv2d, multi-head attention,
cross entropy, AdamW, clip_grad_norm_) that is the reference; the gate is written out below."""
import math
import os

import torch
import torch.nn.functional as F

import tensors
from nn_reference import block, conv, fade, gated, gnorm, norm, shares, spans

torch.manual_seed(7)
torch.set_default_dtype(torch.float64)
out = {}


def rand(*shape, sd=1.0, mean=0.0):
    # What C computes from is float32: the reference must start from the same numbers.
    return (torch.randn(*shape) * sd + mean).float().double().requires_grad_()


def case(name, x, weights, forward, extra=None):
    """extra: a further loss, of which dy knows nothing."""
    y = forward(x, weights)
    dy = rand(*y.shape).detach()
    loss = (dy * y).sum() + (extra(x, weights) if extra else 0.0)
    inputs = [v for v in [x, *weights.values()] if v is not None]
    grads = iter(torch.autograd.grad(loss, inputs, allow_unused=True))
    if x is not None:
        out[f"{name}.x"], out[f"{name}.dx"] = x, next(grads)
    for k, v in weights.items():
        grad = next(grads)
        out[f"{name}.{k}"] = v
        out[f"grad.{name}.{k}"] = torch.zeros_like(v) if grad is None else grad
    out[f"{name}.y"], out[f"{name}.dy"] = y, dy


def linear(x, w):
    return F.linear(x, w["w"], w["b"])


def plain(h):
    def forward(x, w):
        d = x.shape[1]
        y, _ = F.multi_head_attention_forward(
            x[:, None], x[:, None], x[:, None], d, h, torch.cat([w["q.w"], w["k.w"], w["v.w"]]),
            None, None, None, False, 0.0, w["o.w"], w["o.b"], need_weights=False)
        return y[:, 0]
    return forward


def attn_weights(d, gate=True, closed=(), h=1, at=""):
    w = {f"{at}{k}.w": rand(d, d, sd=d ** -0.5) for k in "qkvo"}
    w[f"{at}o.b"] = rand(d, sd=0.1)
    if gate:
        w[f"{at}gate.w"] = rand(d, d, sd=0.3)
        b = torch.full((d,), 2.0)
        for c in closed:
            b[c * d // h:(c + 1) * d // h] = -3.0
        w[f"{at}gate.b"] = b.requires_grad_()
    return w


def band(n, window, globals_):
    i, j = torch.arange(n)[:, None], torch.arange(n)[None]
    return ((i - j).abs() <= window // 2) | (i < globals_) | (j < globals_)


def pool(x, w):
    a = torch.softmax(x @ w["u"] / math.sqrt(x.shape[1]), 0)
    return a @ x


case("linear", rand(5, 7), {"w": rand(6, 7), "b": rand(6)}, linear)
case("norm", rand(4, 19, mean=0.5), {"gamma": rand(19, mean=1.0), "beta": rand(19)}, norm)
case("gelu", torch.linspace(-7, 7, 211).float().double().requires_grad_(), {},
     lambda x, w: F.gelu(x))
IDS, START = [3, 0, 3, 8, 5, 1, 1, 1, 7], [0, 2, 2, 5, 9]  # the second bag is empty
out["embed.ids"], out["embed.start"] = torch.tensor(IDS), torch.tensor(START)
case("embed", None, {"e": rand(9, 6)},
     lambda x, w: F.embedding_bag(torch.tensor(IDS), w["e"], torch.tensor(START[:-1]), mode="mean"))
case("conv1", rand(5, 7, 2), {"w": rand(3, 18, sd=0.3), "b": rand(3)}, conv(1))
case("conv2", rand(6, 9, 3), {"w": rand(4, 27, sd=0.3), "b": rand(4)}, conv(2))
case("pool", rand(7, 10), {"u": rand(10)}, pool)
case("plain", rand(9, 12), attn_weights(12, gate=False), plain(3))
case("gated", rand(9, 12), attn_weights(12), gated(3))
LAMBDA = 0.7
case("lambda", rand(4, 12), attn_weights(12), gated(3),
     lambda x, w: LAMBDA * shares(3, w, x)[1].sum())
case("closed", rand(9, 16), attn_weights(16, closed=(0, 2), h=4), gated(4, tau=0.3))
case("band", rand(30, 8), attn_weights(8), gated(2, mask=band(30, 6, 2)))
D = 16
BLOCK = {"norm1.gamma": rand(D, mean=1.0), "norm1.beta": rand(D, sd=0.2),
         **attn_weights(D, closed=(1,), h=4, at="attn."),
         "norm2.gamma": rand(D, mean=1.0), "norm2.beta": rand(D, sd=0.2),
         "up.w": rand(2 * D, D, sd=0.25), "up.b": rand(2 * D, sd=0.2),
         "down.w": rand(D, 2 * D, sd=0.18), "down.b": rand(D, sd=0.2)}
case("block", rand(6, D), BLOCK, block(4, 0.3))
case("single", rand(1, D), {k: rand(*v.shape, sd=0.3) for k, v in BLOCK.items()}, block(4, 0.0))

for name, loss, t in [
        ("class", lambda x, t: -(t * torch.log_softmax(x, 0)).sum(), torch.softmax(rand(5), 0)),
        ("multi", F.binary_cross_entropy_with_logits, torch.tensor([1.0, 0.0, 1.0, 0.25, 0.0])),
        ("value", lambda x, t: ((x - t) ** 2).sum() / 2, rand(1))]:
    t = t.detach().float().double()
    x = rand(len(t), sd=3.0)
    y = loss(x, t)
    out[f"{name}.x"], out[f"{name}.t"], out[f"{name}.y"] = x, t, y.reshape(1)
    out[f"{name}.dx"] = torch.autograd.grad(y, x)[0]

# Five steps on a matrix (decayed) and a vector (not), the norm of each step's gradient clipped at 1.
w, b = rand(3, 4), rand(4)
out["adam.w"], out["adam.b"] = w.detach().clone(), b.detach().clone()
optimizer = torch.optim.AdamW([{"params": [w], "weight_decay": 0.05}, {"params": [b], "weight_decay": 0.0}],
                              lr=0.01, betas=(0.9, 0.98), eps=1e-8)
for step in range(5):
    w.grad, b.grad = rand(3, 4, sd=0.5 ** step).detach(), rand(4, sd=0.5 ** step).detach()
    out[f"adam{step}.gw"], out[f"adam{step}.gb"] = w.grad.clone(), b.grad.clone()
    out[f"adam{step}.norm"] = torch.nn.utils.clip_grad_norm_([w, b], 1.0).reshape(1)
    optimizer.step()
    out[f"adam{step}.w"], out[f"adam{step}.b"] = w.detach().clone(), b.detach().clone()

SPAN = {**attn_weights(8), "span.w": rand(2, 8, sd=0.3),
        "span.b": torch.tensor([-1.25, 0.75]).requires_grad_()}
case("span", rand(50, 8), SPAN, gated(2, mask=band(50, 24, 2), fade=fade(24, 2, 5)),
     lambda x, w: LAMBDA * (shares(2, w, x)[1].sum() + spans(w, x).sum()))

here = os.path.dirname(os.path.abspath(__file__))
case("gnorm", rand(12, 16, mean=0.5), {"gamma": rand(16, mean=1.0), "beta": rand(16)}, gnorm)


def standard(r):
    c = r - r.mean(1, keepdim=True)
    return c / c.norm(dim=1, keepdim=True)


# Five steps on what stands behind a standardised matrix, which starts along it with length 1/2.
r = standard(rand(3, 9)).detach().float().double()
out["standard.w"] = r.clone()
r = (r / 2).requires_grad_()
optimizer = torch.optim.AdamW([r], lr=0.01, betas=(0.9, 0.98), eps=1e-8, weight_decay=0.05)
for step in range(5):
    gw = rand(3, 9, sd=0.5 ** step).detach()
    r.grad = torch.autograd.grad((gw * standard(r)).sum(), r)[0]
    out[f"standard{step}.gw"] = gw
    out[f"standard{step}.norm"] = torch.nn.utils.clip_grad_norm_([r], 1.0).reshape(1)
    optimizer.step()
    out[f"standard{step}.w"] = standard(r).detach().clone()

tensors.save(os.path.join(here, "nn.safetensors"),
             {k: v.detach().numpy() for k, v in out.items()})
