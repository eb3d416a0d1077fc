"""Data: from files, folders, published sets and toys to arrays and batches (floor 3)."""

from chainrule.data.collate import default_collate, default_convert
from chainrule.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from chainrule.data.digits import digits
from chainrule.data.examples import Examples
from chainrule.data.idx import read_idx, write_idx
from chainrule.data.images import image_folder, read_image
from chainrule.data.load import KNOWN, load
from chainrule.data.loader import DataLoader
from chainrule.data.mnist import mnist
from chainrule.data.sampler import (
    BatchSampler,
    BlockSampler,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from chainrule.data.tables.recipe import Recipe
from chainrule.data.tables.table import table, table_columns, table_rows
from chainrule.data.text import text
from chainrule.data.toys import (
    blobs,
    circles,
    hill,
    moons,
    rectangles,
    ring,
    slope,
    spiral,
    waves,
    xor,
)
from chainrule.data.workers import get_worker_info

__all__ = [
    "KNOWN",
    "BatchSampler",
    "BlockSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "Examples",
    "IterableDataset",
    "RandomSampler",
    "Recipe",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "blobs",
    "circles",
    "default_collate",
    "default_convert",
    "digits",
    "get_worker_info",
    "hill",
    "image_folder",
    "load",
    "mnist",
    "moons",
    "random_split",
    "read_idx",
    "read_image",
    "rectangles",
    "ring",
    "slope",
    "spiral",
    "table",
    "table_columns",
    "table_rows",
    "text",
    "waves",
    "write_idx",
    "xor",
]
