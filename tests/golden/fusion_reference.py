# SPDX-License-Identifier: Apache-2.0
"""The fusion network in PyTorch, from the equations of docs and papers, with autograd's gradients.

Weights are a dict by the names of the model file, float64; a case is a dict part -> rows."""
import torch
import torch.nn.functional as F


def start(parts, frozen, d, c):
    """Random weights, none at its neutral start. frozen: part -> dim of its features."""
    w = {"fusion.base": torch.randn(d), "fusion.scale": 0.5 + torch.rand(len(parts)),
         "fusion.head.w": torch.randn(c, d) / d**0.5, "fusion.head.b": 0.1 * torch.randn(c),
         "fusion.weigh.a": torch.randn(len(parts), len(parts) * d) / d**0.5,
         "fusion.weigh.b": 0.1 * torch.randn(len(parts)),
         "fusion.weigh.absent": torch.randn(len(parts), d)}
    for part in parts:
        at = f"fusion.part.{part}."
        for name in "qkv":
            w[at + f"align.{name}.w"] = 1.5 * torch.randn(d, d) / d**0.5
        w[at + "align.gamma"] = torch.randn(d)
        w[at + "pool.u"] = torch.randn(d)
        w[at + "project.w"] = torch.randn(d, d) / d**0.5
        w[at + "project.b"] = 0.1 * torch.randn(d)
        w[at + "late.w"] = torch.randn(c, d) / d**0.5
        w[at + "late.b"] = 0.1 * torch.randn(c)
        if part in frozen:
            w[at + "in.w"] = torch.randn(d, frozen[part]) / frozen[part]**0.5
            w[at + "in.b"] = 0.1 * torch.randn(d)
            w[at + "norm.gamma"] = 1 + 0.2 * torch.randn(d)
            w[at + "norm.beta"] = 0.2 * torch.randn(d)
    return w


def view(w, at, rows):
    """Pooled by attention and projected: one vector."""
    share = F.softmax(rows @ w[at + "pool.u"] / rows.shape[1]**0.5, 0)
    return F.linear(share @ rows, w[at + "project.w"], w[at + "project.b"])


def forward(w, parts, rows, value=False):
    """-> logits [c], late {part: [c]}, z {part: [d]}, weight {part: scalar}"""
    x = {}
    for part, r in rows.items():
        at = f"fusion.part.{part}."
        if at + "in.w" in w:
            r = F.linear(r, w[at + "in.w"], w[at + "in.b"])
            r = F.layer_norm(r, r.shape[-1:], w[at + "norm.gamma"], w[at + "norm.beta"], 1e-5)
        x[part] = r
    late, z = {}, {}
    for part, r in x.items():
        at = f"fusion.part.{part}."
        mix = 0
        for other, o in x.items():
            if other != part:
                to = f"fusion.part.{other}."
                score = (r @ w[at + "align.q.w"].T) @ (o @ w[to + "align.k.w"].T).T
                mix = mix + F.softmax(score / r.shape[1]**0.5, -1) @ (o @ w[to + "align.v.w"].T)
        u = r + w[at + "align.gamma"] * mix
        z[part] = view(w, at, u)
        late[part] = F.linear(view(w, at, r), w[at + "late.w"], w[at + "late.b"])
    if not rows:
        return F.linear(w["fusion.base"], w["fusion.head.w"], w["fusion.head.b"]), {}, {}, {}
    absent = w["fusion.weigh.absent"]
    every = torch.cat([z.get(part, absent[i]) for i, part in enumerate(parts)])
    score = w["fusion.weigh.a"] @ every + w["fusion.weigh.b"]
    hidden = torch.tensor([part not in rows for part in parts])
    weight = F.softmax(score.masked_fill(hidden, -torch.inf), 0)
    fused = sum(weight[parts.index(part)] * z[part] for part in rows)
    logits = F.linear(fused, w["fusion.head.w"], w["fusion.head.b"])
    for part in rows:
        scale = w["fusion.scale"][parts.index(part)]
        logits = logits + (scale / len(rows) if value else scale) * late[part]
    return logits, late, z, {part: weight[parts.index(part)] for part in rows}
