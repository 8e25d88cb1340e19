# SPDX-License-Identifier: Apache-2.0
"""Writes safetensors files for golden tests: float32, sorted by name, no holes, byte-identical."""
import json
import struct

import numpy as np


def save(path, tensors):
    header, blobs, at = {}, [], 0
    for name in sorted(tensors):
        blob = np.ascontiguousarray(np.asarray(tensors[name], dtype="<f4")).tobytes()
        header[name] = {"dtype": "F32", "shape": list(np.shape(tensors[name])),
                        "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
