"""Small data for the command line, good and bad, each written by one function."""

import random
import struct

import numpy as np

from chainrule.data import digits, write_idx

QUICK = "--epochs 1 --model mlp --hidden 8"  # trains in a few hundredths of a second


def pets(path, classes=("cat", "dog", "hen"), rows=90):
    """Write a table whose first column tells three classes apart."""
    rng = random.Random(0)
    lines = ["weight,age,kind"]
    for i in range(rows):
        k = i % 3
        lines.append(f'{10 * k + rng.random():.3f},{rng.randrange(20)},"{classes[k]}"')
    path.write_text("\n".join(lines) + "\n")
    return path


def prices(path, rows=120):
    """Write a table in which price = 1000 + 300 rooms - 20 age."""
    rng = random.Random(0)
    lines = ["rooms,age,price"]
    for _ in range(rows):
        rooms, age = rng.randrange(1, 9), rng.random() * 50
        lines.append(f"{rooms},{age:.3f},{1000 + 300 * rooms - 20 * age:.3f}")
    path.write_text("\n".join(lines) + "\n")
    return path


def kaggle(path, rows=100, **odd):
    """Write some digits in Kaggle's layout, a label and a column for each pixel; or an odd one."""
    some = digits()
    pixels = (some.x[:rows].reshape(rows, -1) * 15.9).astype(np.uint8).astype(str)
    labels = some.y[:rows].astype(str)
    if "label" in odd:
        labels[3] = odd["label"]
    if "pixel" in odd:
        pixels[3, 0] = odd["pixel"]
    lines = ["label," + ",".join(f"pixel{k}" for k in range(64))]
    lines += [f"{label}," + ",".join(row) for label, row in zip(labels, pixels)]
    path.write_text("\n".join(lines) + "\n")
    return path


def mnist(folder, labels=(5, 0, 4), suffix=""):
    """Write four small files of the form and with the names of MNIST's."""
    folder.mkdir(parents=True)
    for part in ("train", "t10k"):
        images = np.zeros((len(labels), 28, 28), np.uint8)
        images[range(len(labels)), np.array(labels) % 28] = 255  # a line for each label
        write_idx(folder / f"{part}-images-idx3-ubyte{suffix}", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte{suffix}", np.array(labels, np.uint8))
    return folder


def shapes(folder, mode="L", size=8, each=12):
    """Write a folder of images, bright ones and dark ones, in grey ("L") or colour ("RGB")."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for kind, least in (("bright", 140), ("dark", 0)):
        (folder / kind).mkdir(parents=True)
        for k in range(each):
            pixels = rng.integers(least, least + 100, (size, size, 3), np.uint8)
            Image.fromarray(pixels).convert(mode).save(folder / kind / f"{k}.png")
    return folder


def claim_of_a_huge_shape(path):
    """Write a safetensors file whose header claims more numbers than there are atoms in a gram."""
    header = b'{"0.mean":{"dtype":"F32","shape":[999999999999,999999999],"data_offsets":[0,4]}}'
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0\0\0\0")
