"""Data sets of images as torchvision has them: a root, two transforms, pairs (floor 3).

Published sets are looked for under `root`, as torchvision lays them out, and where `data` finds
them; with `download=True` they are fetched under `root` and compared with their SHA-256. Nothing in
a file is executed: of CIFAR the binary version is read, never the pickled one.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from chainrule.autograd import Generator, from_numpy, randint, randn
from chainrule.data import Dataset, images, read_idx
from chainrule.data.fetch import fetch
from chainrule.data.mnist import ARCHIVES, MIRRORS
from chainrule.data.places import places
from chainrule.errors import DataError, OptionError, did_you_mean
from chainrule.vision.transforms.functional import to_pil_image

__all__ = [
    "CIFAR10",
    "MNIST",
    "DatasetFolder",
    "FakeData",
    "FashionMNIST",
    "ImageFolder",
    "VisionDataset",
]

Change = Callable[[Any], Any] | None
IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")


class VisionDataset(Dataset[Any]):
    """Pairs of an image and a target, each changed by a transform on the way out.

    Args:
        root: the folder of the data.
        transforms: of both together, rather than the other two.
        transform: of the image.
        target_transform: of the target.

    Raises:
        OptionError: transforms are given in both ways.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        transforms: Callable[[Any, Any], Any] | None = None,
        transform: Change = None,
        target_transform: Change = None,
    ) -> None:
        if transforms is not None and (transform or target_transform):
            raise OptionError("give transforms, or transform and target_transform, not both")
        self.root = Path(root).expanduser() if root is not None else None
        self.transforms = transforms
        self.transform = transform
        self.target_transform = target_transform

    def _changed(self, image: Any, target: Any) -> tuple[Any, Any]:
        if self.transforms is not None:
            changed: tuple[Any, Any] = self.transforms(image, target)
            return changed
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __repr__(self) -> str:
        lines = [f"Dataset {type(self).__name__}", f"    Number of datapoints: {len(self)}"]
        lines += [f"    Root location: {self.root}"] if self.root is not None else []
        if self.transform is not None:
            lines.append(f"    Transform: {self.transform!r}".replace("\n", "\n    "))
        return "\n".join(lines)


# --- published sets -----------------------------------------------------------------------------


class MNIST(VisionDataset):
    """60,000 handwritten digits of 28 by 28 pixels, and 10,000 to test with.

    Y. LeCun, C. Cortes, C. J. C. Burges; CC BY-SA 3.0.

    Args:
        root: the folder whose `MNIST/raw` the files are in.
        train: the 60,000 rather than the 10,000.
        transform: of the image, one of Pillow's.
        target_transform: of the label.
        download: fetch the files where there are none.

    Attributes:
        data: the images, a tensor (N, 28, 28) of bytes.
        targets: the labels, a tensor (N,).

    Raises:
        DataError: there are no files, or not the right ones.

    Examples:
        >>> MNIST("data", train=False, download=True)[0]  # doctest: +SKIP
        (<PIL.Image.Image image mode=L size=28x28>, 7)
    """

    name: ClassVar[str] = "mnist"
    archives: ClassVar[Mapping[str, str]] = ARCHIVES
    mirrors: ClassVar[tuple[str, ...]] = MIRRORS
    classes: ClassVar[list[str]] = [
        *("0 - zero", "1 - one", "2 - two", "3 - three", "4 - four"),
        *("5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine"),
    ]

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Change = None,
        target_transform: Change = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, None, transform, target_transform)
        self.train = train
        part = "train" if train else "t10k"
        files = [f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"]
        found = self._found(files, download)
        numbers, labels = (read_idx(path) for path in found)
        if numbers.shape[1:] != (28, 28) or numbers.shape[:1] != labels.shape:
            raise DataError(
                f"{found[0]} and {found[1].name} hold arrays of shapes {numbers.shape} and "
                f"{labels.shape}; images (N, 28, 28) and N labels are due"
            )
        self.data = from_numpy(numbers)
        self.targets = from_numpy(labels.astype(np.int64))

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: i for i, name in enumerate(self.classes)}

    def _found(self, files: Sequence[str], download: bool) -> list[Path]:
        assert self.root is not None
        own = self.root / type(self).__name__ / "raw"
        folders = [own, *places(self.name, self.root)]
        found = _all_in(folders, files)
        if not found and download:
            archives = {f"{name}.gz": sha256 for name, sha256 in self.archives.items()}
            fetch(type(self).__name__, archives, self.mirrors, [*folders[1:], own])
            found = _all_in([own], files)
        if not found:
            raise DataError(
                f"{type(self).__name__} was not found in {', '.join(map(str, folders))}; use "
                "download=True to fetch it"
            )
        return found

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = to_pil_image(self.data.array[index])
        return self._changed(image, int(self.targets.array[index]))

    def __len__(self) -> int:
        return len(self.data.array)


class FashionMNIST(MNIST):
    """60,000 grey pictures of clothes of 28 by 28 pixels, and 10,000 to test with.

    H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
    learning algorithms", 2017; MIT. Its arguments are those of `MNIST`.
    """

    name = "fashion_mnist"
    archives = {
        "train-images-idx3-ubyte": (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
        ),
        "train-labels-idx1-ubyte": (
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
        ),
        "t10k-images-idx3-ubyte": (
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
        ),
        "t10k-labels-idx1-ubyte": (
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
        ),
    }
    mirrors = (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    )
    classes = [
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ]


def _all_in(folders: Sequence[Path], files: Sequence[str]) -> list[Path]:
    """The files, plain or compressed, of the first folder that has them all."""
    for folder in folders:
        paths = [folder / name for name in files]
        found = [p if p.is_file() else p.with_name(f"{p.name}.gz") for p in paths]
        if all(path.is_file() for path in found):
            return found
    return []


class CIFAR10(VisionDataset):
    """50,000 colour pictures of 32 by 32 pixels in ten classes, and 10,000 to test with.

    A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.

    Args:
        root: the folder whose `cifar-10-batches-bin` the files are in.
        train: the 50,000 rather than the 10,000.
        transform: of the image, one of Pillow's.
        target_transform: of the label.
        download: fetch the files (170 MB) where there are none.

    Attributes:
        data: the images, an array (N, 32, 32, 3) of bytes.
        targets: the labels, a list.

    Raises:
        DataError: there are no files, or not the right ones.
    """

    classes: ClassVar[list[str]] = [
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ]
    archive: ClassVar[str] = "cifar-10-binary.tar.gz"
    sha256: ClassVar[str] = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
    mirrors: ClassVar[tuple[str, ...]] = ("https://www.cs.toronto.edu/~kriz/",)
    folder: ClassVar[str] = "cifar-10-batches-bin"

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Change = None,
        target_transform: Change = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, None, transform, target_transform)
        self.train = train
        files = [f"data_batch_{i}.bin" for i in range(1, 6)] if train else ["test_batch.bin"]
        rows = np.concatenate([_records(path) for path in self._found(files, download)])
        self.targets = rows[:, 0].tolist()
        self.data = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)  # (N, H, W, C)

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: i for i, name in enumerate(self.classes)}

    def _found(self, files: Sequence[str], download: bool) -> list[Path]:
        assert self.root is not None
        bases = [self.root, *places("cifar10", self.root)]
        folders = [base / self.folder for base in bases] + bases[1:]
        found = _all_in(folders, files)
        if not found and download:
            fetch("CIFAR10", {self.archive: self.sha256}, self.mirrors, [*bases[1:], self.root])
            _unpack(self.root / self.archive, self.root / self.folder)
            found = _all_in([self.root / self.folder], files)
        if not found:
            pickled = (self.root / "cifar-10-batches-py").is_dir()
            raise DataError(
                f"CIFAR10's binary version was not found in {', '.join(map(str, folders))}; use "
                "download=True to fetch it"
                + ("; the pickled version beside it is not read, as it could run code" * pickled)
            )
        return found

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self._changed(to_pil_image(self.data[index]), self.targets[index])

    def __len__(self) -> int:
        return len(self.data)


def _records(path: Path) -> Any:
    """The rows of one file: a label and 3072 bytes each."""
    content = np.fromfile(path, dtype=np.uint8)
    if content.size % 3073 or not content.size or (content[::3073] > 9).any():
        raise DataError(f"{path} is no file of CIFAR-10's binary version; fetch it again")
    return content.reshape(-1, 3073)


def _unpack(archive: Path, folder: Path) -> None:
    """Take the batches out of the archive, by name and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as packed:
        for member in packed:
            name = Path(member.name).name
            if member.isfile() and name.endswith(".bin"):
                source = packed.extractfile(member)
                assert source is not None
                (folder / name).write_bytes(source.read())


# --- folders ------------------------------------------------------------------------------------


def pil_loader(path: str | Path) -> Any:
    """Read one image in colour."""
    with images.opened(Path(path)) as image:
        return image.convert("RGB")


class DatasetFolder(VisionDataset):
    """Files in subfolders, one for each class.

    Args:
        root: the folder of the subfolders.
        loader: reads one file.
        extensions: endings of the files that count.
        transform: of what was read.
        target_transform: of the number of the class.
        is_valid_file: says which files count, rather than the endings.
        allow_empty: whether a class may have none.

    Attributes:
        classes: the names of the subfolders, sorted.
        class_to_idx: the number of each.
        samples: pairs of path and number.
        targets: the numbers.

    Raises:
        DataError: there is no such folder, no subfolder, or one without files.
        OptionError: not exactly one of extensions and is_valid_file is given.
    """

    def __init__(
        self,
        root: str | Path,
        loader: Callable[[str], Any],
        extensions: Sequence[str] | None = None,
        transform: Change = None,
        target_transform: Change = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(root, None, transform, target_transform)
        if (extensions is None) == (is_valid_file is None):
            raise OptionError("exactly one of extensions and is_valid_file must be given")
        endings = tuple(extensions or ())
        counts = is_valid_file or (lambda path: path.lower().endswith(endings))
        self.loader = loader
        self.classes, self.class_to_idx = self.find_classes(root)
        self.samples = self._listed(counts, allow_empty)
        self.targets = [number for _, number in self.samples]

    def find_classes(self, directory: str | Path) -> tuple[list[str], dict[str, int]]:
        """Return the names of the classes, and their numbers; a subclass may find others."""
        folder = Path(directory).expanduser()
        if not folder.is_dir():
            raise DataError(f"there is no folder {folder}")
        classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
        if not classes:
            raise DataError(f"{folder} has no subfolders; put the files of each class into one")
        return classes, {name: i for i, name in enumerate(classes)}

    def _listed(self, counts: Callable[[str], bool], allow_empty: bool) -> list[tuple[str, int]]:
        assert self.root is not None
        samples: list[tuple[str, int]] = []
        for name in sorted(self.class_to_idx):
            paths = sorted(str(p) for p in (self.root / name).rglob("*") if p.is_file())
            found = [path for path in paths if counts(path)]
            if not found and not allow_empty:
                raise DataError(f"{self.root / name} has no files of the kind that is read")
            samples += [(path, self.class_to_idx[name]) for path in found]
        return samples

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self._changed(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """Images in subfolders, one for each class.

    Args:
        root: the folder of the subfolders.
        transform: of the image, one of Pillow's, in colour.
        target_transform: of the number of the class.
        loader: reads one file.
        is_valid_file: says which files count, rather than their endings.
        allow_empty: whether a class may have none.

    Raises:
        DataError: there is no such folder, no subfolder, or one without images.
    """

    def __init__(
        self,
        root: str | Path,
        transform: Change = None,
        target_transform: Change = None,
        loader: Callable[[str], Any] = pil_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        endings = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(
            root, loader, endings, transform, target_transform, is_valid_file, allow_empty
        )
        self.imgs = self.samples


class FakeData(VisionDataset):
    """Noise for images and chance for labels, the same at every look.

    Args:
        size: how many.
        image_size: channels, height and width.
        num_classes: how many classes.
        transform: of the image, one of Pillow's.
        target_transform: of the label.
        random_offset: added to the number of the image, which is the seed.

    Examples:
        >>> len(FakeData(10))
        10
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Change = None,
        target_transform: Change = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(None, None, transform, target_transform)
        self.size = size
        self.image_size = image_size
        self.num_classes = num_classes
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not 0 <= index < self.size:
            raise IndexError(f"there is no sample {index}, only {self.size}")
        generator = Generator().manual_seed(index + self.random_offset)
        noise = randn(*self.image_size, generator=generator)
        label = randint(0, self.num_classes, (1,), generator=generator).item()
        bytes_ = np.moveaxis(noise.array * 255, 0, -1).astype(np.int64).astype(np.uint8)
        return self._changed(to_pil_image(bytes_), int(label))

    def __len__(self) -> int:
        return self.size


def __getattr__(name: str) -> Any:
    raise AttributeError(f"vision.datasets has no {name!r}" + did_you_mean(name, __all__))
