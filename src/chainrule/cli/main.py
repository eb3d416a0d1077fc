"""The command `chainrule`: its subcommands, and how errors end it (floor 5).

A bad option, file or number is one line on standard error and exit code 2; a person's Ctrl-C is
exit code 130. What the subcommands do is in files of their own, imported when they are called.
"""

from __future__ import annotations

import io
import shlex
import sys
from collections.abc import Sequence

import click

from chainrule import __version__
from chainrule.backend import ranks
from chainrule.cli.options import JOB_OPTIONS, device_option
from chainrule.cli.search_options import search_options
from chainrule.errors import ChainruleError, one_line, sentence_of

__all__ = ["cli", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", message="chainrule %(version)s")
def cli() -> None:
    """Neural networks from scratch: train one, use one, learn how they work."""


@cli.command()
@click.argument("data", default="digits")
@JOB_OPTIONS
@click.pass_context
def train(context: click.Context, /, data: str, **options: object) -> None:
    """Train a network on DATA, and write model, figures and a report.

    DATA is a data set known by name (digits, mnist, moons, circles, ring, spiral, xor, blobs,
    slope, hill, waves, rectangles), a CSV file with a header and a target column, or a folder of
    images with a subfolder for each class. Without DATA: the handwritten digits that come with
    chainrule.
    """
    from chainrule.cli.train import train_command

    line = click.core.ParameterSource.COMMANDLINE
    given = {name for name in context.params if context.get_parameter_source(name) is line}
    context.exit(train_command(data, options, shlex.join(context.obj), given))


@cli.command()
@click.argument("run")
@click.argument("inputs", nargs=-1, required=True)
@click.option("--top", type=click.IntRange(1), default=3, help="Classes to show for each input.")
@click.option("--resize", is_flag=True, help="Bring images to the size that the model takes.")
@click.option("--invert", is_flag=True, help="Exchange black and white: for dark ink on paper.")
@click.option("--out", help="A CSV file for the predictions; those of a table beside its cells.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a line for each input.")
@device_option("ask the model")
def predict(
    run: str,
    inputs: tuple[str, ...],
    top: int,
    resize: bool,
    invert: bool,
    out: str | None,
    as_json: bool,
    device: str,
) -> None:
    """Say what the model in the folder RUN makes of INPUTS: image files, or CSV files.

    A CSV file needs the columns that the model was trained on; others are ignored.
    """
    from chainrule.cli.predict import predict_command

    predict_command(
        run,
        inputs,
        top=top,
        resize=resize,
        invert=invert,
        out=out,
        as_json=as_json,
        device=device,
    )


@cli.command()
@click.argument("run")
@click.option("--data", help="The data of the run, by name or path, if they are elsewhere by now.")
@click.option("--data-dir", help="The folder where data sets such as mnist are kept.")
@click.option("--page", is_flag=True, help="Open the page in the browser.")
@device_option("ask the model for the test examples")
def explain(run: str, data: str | None, data_dir: str | None, page: bool, device: str) -> None:
    """Say what is in the model of the folder RUN, and write a page with pictures into it.

    Its layers and what they cost, its equations, what it confuses and gets most wrong, and what its
    answers hang on. The page is RUN/explain.html.
    """
    from chainrule.cli.explain import explain_command

    explain_command(run, data=data, data_dir=data_dir, open_it=page, device=device)


@cli.command()
@click.argument("lesson", required=False)
@click.option("--page", is_flag=True, help="Write it to a page with its pictures, and open that.")
@click.option("--notebook", is_flag=True, help="Write it to a notebook, to change and run again.")
@click.option("--no-open", is_flag=True, help="Leave the page unopened.")
def learn(lesson: str | None, page: bool, notebook: bool, no_open: bool) -> None:
    """Read and run LESSON, its number or a part of its name; without one, list them all."""
    from chainrule.cli.learn import learn_command

    learn_command(lesson, as_page=page, as_notebook=notebook, no_open=no_open)


@cli.command()
@click.argument("start", default="plane")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: any that is free.")
@click.option("--no-browser", is_flag=True, help="Print the address, and do not open it.")
def play(start: str, port: int, no_browser: bool) -> None:
    """Open a page on which a network is built, trained and touched.

    START is the page: plane, digits or descent; or the link of an experiment, as it stands in the
    address of such a page, also of another day. Only this machine can reach it, by the address that
    is printed.
    """
    from chainrule.cli.play import play_command

    play_command(start, port=port, browser=not no_browser)


@cli.command()
@click.argument("run")
@click.option("--host", default="127.0.0.1", help="Where to listen; 0.0.0.0 lets others in.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, help="0: any that is free.")
@click.option("--max-body", "body", default="10M", help="Bytes of one request.")
@click.option("--max-rows", "rows", type=click.IntRange(1), default=10_000, help="Of one request.")
@click.option("--timeout", default="30", help="Seconds for a request, and again for its answer.")
@click.option("--max-batch", "batch", type=click.IntRange(1), default=64, help="Rows at a time.")
@click.option("--max-wait", "wait", default="2ms", help="How long a batch waits for the next row.")
@click.option("--max-connections", "connections", type=click.IntRange(1), default=4096)
@device_option("ask the model")
def serve(run: str, host: str, port: int, device: str, **limits: str | int) -> None:
    """Answer requests over HTTP with the model in the folder RUN.

    There is a page to try it at the address that is printed; programs send JSON or images to
    /predict, and /schema says how. Requests that come at the same time go through the network
    together. Only this machine can ask, unless --host says otherwise.
    """
    from chainrule.cli.serve import serve_command

    serve_command(run, host=host, port=port, device=device, limits=limits)


@cli.command()
@click.argument("data", default="digits")
@search_options
@click.pass_context
def tune(context: click.Context, /, data: str, **options: object) -> None:
    """Search for settings that do well on DATA, which is as for `chainrule train`.

    What is tried is said by options or a file: --lr 1e-4..1e-1 is a range, --hidden 32,64,128x64 a
    choice, --dropout 0.2 is set and not searched; what is not said is searched as usual. A search
    that was stopped, at whatever instant, goes on by the same command, or by --resume STUDY.
    """
    from chainrule.cli.tune import resumed, tune_command

    if options["resume"] is not None:
        data, options, arguments = resumed(context, options)
    else:
        arguments = context.obj[2:]
    context.exit(tune_command(data, options, arguments))


@cli.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("--out", default="compare.html", show_default=True, help="Where the page goes.")
@click.option("--data-dir", help="The folder where data sets such as mnist are kept.")
@device_option("ask the models for the test examples")
def compare(runs: tuple[str, ...], out: str, data_dir: str | None, device: str) -> None:
    """Hold RUNS against one another: figures, settings that differ, and a page with curves.

    Each is a folder that `chainrule train` wrote. Where they were tested on the same examples, it
    is said whether their difference is more than luck.
    """
    from chainrule.cli.compare import compare_command

    compare_command(runs, out=out, data_dir=data_dir, device=device)


@cli.command()
@click.argument("run")
@click.option(
    "--to",
    "form",
    type=click.Choice(["c", "python", "onnx", "safetensors", "torch", "json"]),
    required=True,
    help="c: C99; python: NumPy; safetensors, torch: weights for PyTorch; json: small networks.",
)
@click.option("--out", help="The file; by default the name of the run, in this folder.")
@click.option("--probabilities", is_flag=True, help="Probabilities of classes, not scores.")
def export(run: str, form: str, out: str | None, probabilities: bool) -> None:
    """Write the network of the folder RUN to a file that other programs use.

    C and Python come as source, with the weights in it and nothing else needed.
    """
    from chainrule.cli.export import export_command

    export_command(run, form=form, out=out, probabilities=probabilities)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # where a letter cannot be shown, a ? will do
            stream.reconfigure(errors="replace")
    try:
        given = sys.argv[1:] if arguments is None else arguments
        code = cli.main(
            arguments, prog_name="chainrule", standalone_mode=False, obj=["chainrule", *given]
        )
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())  # noqa: T201
        sys.exit(0)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        if ranks.is_first():
            _fail(error.format_message())
        sys.exit(2)  # the command line is that of all ranks, and the first has said it
    except ChainruleError as error:
        _leave_it_to_the_witness(error)
        for note in getattr(error, "__notes__", ()):  # as far as it came
            print("\n".join(map(_shown, note.splitlines())), file=sys.stderr)  # noqa: T201
        _fail(str(error))
    except OSError as error:
        _leave_it_to_the_witness(error)
        _fail(sentence_of(error))
    except MemoryError as error:
        _leave_it_to_the_witness(error)
        _fail(f"there is not enough memory for this ({error}); choose smaller sizes")
    sys.exit(code if isinstance(code, int) else 0)


def _shown(line: str) -> str:
    """A line of a table, its columns kept, with nothing in it that a terminal obeys."""
    return "".join(c if c.isprintable() else "?" for c in line)


def _leave_it_to_the_witness(error: Exception) -> None:
    """Exit without a word, if this is one of several ranks and another says the sentence."""
    if ranks.is_joined():
        from chainrule.backend.ranks import watch

        if watch.give_up(error):
            sys.exit(2)


def _fail(sentence: str) -> None:
    print(f"error: {one_line(sentence)}", file=sys.stderr)  # noqa: T201
    sys.exit(2)
