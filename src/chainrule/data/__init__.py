"""Data: from files, folders, published sets and toys to arrays and batches (floor 3)."""

from chainrule.data.dataset import ConcatDataset, Dataset, Subset, TensorDataset, random_split
from chainrule.data.digits import digits
from chainrule.data.examples import Examples
from chainrule.data.idx import read_idx, write_idx
from chainrule.data.images import image_folder, read_image
from chainrule.data.load import KNOWN, load
from chainrule.data.loader import DataLoader, default_collate
from chainrule.data.mnist import mnist
from chainrule.data.table import table, table_rows
from chainrule.data.text import text
from chainrule.data.toys import blobs, circles, moons, rectangles, ring, spiral, xor

__all__ = [
    "KNOWN",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "Examples",
    "Subset",
    "TensorDataset",
    "blobs",
    "circles",
    "default_collate",
    "digits",
    "image_folder",
    "load",
    "mnist",
    "moons",
    "random_split",
    "read_idx",
    "read_image",
    "rectangles",
    "ring",
    "spiral",
    "table",
    "table_rows",
    "text",
    "write_idx",
    "xor",
]
