"""A fuzzer that damages files for as long as one likes: `python tests/fuzz/long.py --help`.

It is atheris, which follows the lines that a reader runs through and keeps what leads to new ones.
Each target has a process of its own with a bound of memory and of time for one file. A file that a
reader fails on is left in the working folder, and named.

    python tests/fuzz/long.py --seconds 600
    python tests/fuzz/long.py --seconds 60 --target csv --target idx
    python tests/fuzz/long.py --target csv crash-1234
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

NAMES = (
    *("safetensors", "structure", "torch", "pickle", "checkpoint", "model", "figures", "recipe"),
    *("plain", "job", "trials", "study", "space"),
    *("onnx", "idx", "csv", "parquet", "image", "request"),
)
LONGEST = 20  # seconds for one file
LARGEST = 16384  # bytes of one


@click.command()
@click.option("--seconds", default=60, show_default=True, help="For each target.")
@click.option("--target", "targets", multiple=True, type=click.Choice(NAMES))
@click.option("--seed", default=1, show_default=True, help="Of the fuzzer.")
@click.option("--alone", is_flag=True, hidden=True)
@click.argument("files", nargs=-1, type=click.Path(exists=True))
def main(
    seconds: int, targets: tuple[str, ...], seed: int, alone: bool, files: tuple[str, ...]
) -> None:
    """Fuzz the readers one after another, or read FILES once more, and say how it went."""
    if alone:
        fuzz(targets[0], seconds, seed, files)
    failed = [name for name in targets or NAMES if not told(name, seconds, seed, files)]
    if failed:
        raise click.ClickException(f"failed: {', '.join(failed)}")


def told(name: str, seconds: int, seed: int, files: tuple[str, ...]) -> bool:
    """Fuzz one target in a process of its own; print what came of it, return whether it held."""
    command = [sys.executable, __file__, "--alone", "--target", name, "--seconds", str(seconds)]
    run = subprocess.run(
        [*command, "--seed", str(seed), *files],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    counted = re.findall(r"stat::number_of_executed_units:\s*(\d+)", run.stderr)
    memory = re.findall(r"stat::peak_rss_mb:\s*(\d+)", run.stderr)
    lines = re.findall(r"cov: (\d+)", run.stderr)
    click.echo(
        f"{name:12} {int(counted[-1]) if counted else 0:>10,} files  "
        f"{lines[-1] if lines else '?':>6} places reached  "
        f"peak {memory[-1] if memory else '?':>5} MiB  "
        f"{'held' if not run.returncode else 'FAILED'}"
    )
    if run.returncode:
        click.echo("\n".join(run.stdout.splitlines()[-30:] + run.stderr.splitlines()[-8:]))
    return not run.returncode


def fuzz(name: str, seconds: int, seed: int, files: tuple[str, ...]) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(include=["chainrule"]):
        from chainrule.errors import ChainruleError
        from fuzz.targets import TARGETS

        target = TARGETS[name]
        seeds = target.seeds()
        for content in seeds:  # what is imported only when it is used is followed too
            with suppress(ChainruleError):
                target.read(content)
    corpus = Path(tempfile.mkdtemp())
    for k, content in enumerate(seeds):
        Path(corpus, f"seed-{k}").write_bytes(content)

    def once(content: bytes) -> None:
        with suppress(ChainruleError):
            target.read(content)

    options = [
        f"-max_total_time={seconds}",
        f"-timeout={LONGEST}",
        f"-rss_limit_mb={target.memory}",
        f"-max_len={LARGEST}",
        f"-seed={seed}",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, *(files or [str(corpus)])], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
