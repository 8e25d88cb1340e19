# SPDX-License-Identifier: Apache-2.0
"""The encoders in PyTorch: what their model.c say, on inputs that are read already.

A model m is a dict: d, h (heads), tau (gate threshold), side (pixels), bins."""
import torch
import torch.nn.functional as F

from nn_reference import block, conv, gnorm, norm, shares


def positions(n, d):
    i, j = torch.arange(n)[:, None], torch.arange(d // 2)[None]
    angle = i / 10000 ** (2 * j / d)
    return torch.stack([angle.sin(), angle.cos()], 2).reshape(n, d)


def under(w, at):
    return {k[len(at):]: v for k, v in w.items() if k.startswith(at)}


def bags(table, ids, start):
    return F.embedding_bag(torch.tensor(ids), table, torch.tensor(start[:-1]), mode="mean")


def stack(m, w, kind, x, cells):
    """-> rows, and the sum of the heads' shares. cells: the tokens of each row."""
    b = under(w, f"{kind}.block.0.")
    _, share = shares(m["h"], b, norm(x, b, "norm1."), "attn.")
    x = norm(block(m["h"], m["tau"])(x, b), w, f"{kind}.norm.")
    return torch.stack([x[c].mean(0) for c in cells]), share.sum()


def chunks(n, most=64):
    rows = min(n, most)
    return [list(range(r * n // rows, (r + 1) * n // rows)) for r in range(rows)]


def text(m, w, page):
    b = bags(w["text.embed.e"], page["ids"], page["start"])
    x = norm(F.linear(b, w["text.in.w"]), w, "text.in_norm.") + positions(len(b), m["d"])
    return stack(m, w, "text", x, chunks(len(b)))


def turn(x, w, at):
    return F.gelu(gnorm(x.flatten(0, 1), w, at)).reshape(x.shape)


def image(m, w, page, most=64):
    x = page["pixels"]
    for i in range(4):
        at = f"image.stem.{i}."
        x = conv(2)(x, under(w, at))
        if i > 0:
            x = x + conv(1)(turn(x, w, f"{at}res.norm."), under(w, f"{at}res."))
        x = turn(x, w, f"{at}norm.")
    x = F.linear(x, w["image.stem.out.w"], w["image.stem.out.b"])
    g, half = x.shape[0], m["d"] // 2
    side = torch.cat([positions(g, half)[:, None].expand(g, g, half),
                      positions(g, half)[None].expand(g, g, half)], 2)
    x = (x + side).reshape(g * g, m["d"])
    f = next(f for f in range(1, g) if (-(-g // f)) ** 2 <= most)
    cells = [[r * g + c for r in range(y, min(y + f, g)) for c in range(x0, min(x0 + f, g))]
             for y in range(0, g, f) for x0 in range(0, g, f)]
    return stack(m, w, "image", x, cells)


def table(m, w, page):
    t = w["table.names.e"][page["name"]]
    number = w["table.numbers.w"].reshape(-1, m["bins"], m["d"])[page["set"]]
    t = t.index_add(0, torch.tensor(page["number"]), torch.einsum("kb,kbd->kd", page["e"], number))
    pair = bags(w["table.words.e"], page["ids"], page["start"]).reshape(len(page["word"]), -1)
    t = t.index_add(0, torch.tensor(page["word"]), F.linear(pair, w["table.in.w"]))
    return stack(m, w, "table", norm(t, w, "table.in_norm."), chunks(len(t)))
