"""`chainrule tune`: a search for good settings, and what it found (floor 5)."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from chainrule.backend.ranks import EverywhereError, launched, world
from chainrule.cli.loading import LOADED, examples_of, noted
from chainrule.data import Examples
from chainrule.distributed import init
from chainrule.errors import DataError, OptionError, one_line
from chainrule.train.callbacks.progress import format_seconds
from chainrule.train.job.job import resume_job, run_job
from chainrule.train.job.models import chosen_model
from chainrule.train.job.outcome import Settings
from chainrule.train.reporting.report import write
from chainrule.train.tuning.ensemble import check_count, chosen_members, is_there, train_ensemble
from chainrule.train.tuning.members import Trained
from chainrule.train.tuning.page import page_of
from chainrule.train.tuning.ranks import Ranks, leading, parting, take_trials
from chainrule.train.tuning.running import best_run
from chainrule.train.tuning.space import SEARCHED, described, read_space, usual_space
from chainrule.train.tuning.study import Study, noted_arguments
from chainrule.train.tuning.telling import (
    Seen,
    ensembled_pairs,
    figure_text,
    introduce,
    ranked,
)
from chainrule.train.tuning.tune import check_jobs, cores, runner_of
from chainrule.train.tuning.workers import Runner, search

__all__ = ["resumed", "tune_command"]

_PAGE, _BEST = "tune.html", "best"
_ANEW = ("jobs", "best", "ensemble")  # what may be said when a search goes on
_MOST_BYTES = 1 << 20  # of a space


def tune_command(data: str, options: Mapping[str, Any], arguments: Sequence[str]) -> int:
    """Search, keep the best as a run, and return the exit code.

    Args:
        data: a name or path.
        options: of the command line, by name.
        arguments: of the command line, which begin the same search.
    """
    if launched():
        return _on_ranks(data, options, arguments)
    jobs = options["jobs"] or max(1, cores() // options["threads"])
    check_jobs(jobs, options["threads"])
    return _search(data, options, arguments, jobs, lambda study: runner_of(study, jobs))


def _on_ranks(data: str, options: Mapping[str, Any], arguments: Sequence[str]) -> int:
    """Search on the ranks that a launcher started: the first leads, the others run trials."""
    init()
    if options["jobs"]:
        raise EverywhereError(
            "the launcher says how many trainings run at a time; leave out --jobs"
        )
    ranks = world()
    if ranks.rank:
        with parting():
            take_trials(ranks, lambda: examples_of(data, options))
        return 0
    with parting(), leading(ranks):
        return _search(
            data,
            options,
            arguments,
            ranks.size - 1,
            lambda study: Ranks(ranks, study.examples, study.settings),
        )


def _search(
    data: str,
    options: Mapping[str, Any],
    arguments: Sequence[str],
    jobs: int,
    begun: Callable[[Study], Runner],
) -> int:
    """Search with the runner that is begun for the study, so many trainings at a time."""
    console = Console(highlight=False, emoji=False)
    examples = examples_of(data, options)
    with _study(examples, options, arguments) as study:
        check_count(options["ensemble"] or 0, study.plan)
        told = f"{one_line(examples.name)}: {one_line(examples.about)}"
        console.print(Text(told), soft_wrap=True)
        introduce(console, study, jobs)
        info = noted(data, options, examples)
        try:
            with closing(begun(study)) as runner:
                with Seen(console, study, jobs) as seen:
                    search(study, runner, seen)
                command = _command(data, options, study.best_settings)
                _conclude(console, study, command)
                if options["ensemble"]:
                    _train_members(console, study, runner, info, command, options["ensemble"])
                    return 0
        except KeyboardInterrupt:
            _stopped(console, study)
            return 130
        return _train_best(console, study, info, command, options)


def resumed(
    context: click.Context, options: Mapping[str, Any]
) -> tuple[str, dict[str, Any], list[str]]:
    """Return data, options and arguments of the search that is to go on.

    Args:
        context: of this command line, which may say how many jobs to run, and what is to become of
            the best, and nothing else.
        options: of this command line.
    """
    given = [name for name in (*options, "data") if _is_given(context, name)]
    odd = [name for name in given if name not in ("resume", *_ANEW)]
    if odd:
        raise OptionError(
            f"--resume goes on with a search as it was begun; leave out {odd[0].replace('_', ' ')}"
        )
    folder = options["resume"]
    arguments = noted_arguments(folder)
    with context.command.make_context("tune", list(arguments)) as begun:
        anew = {name: options[name] for name in _ANEW if name in given}
        found = {**begun.params, "jobs": None, "best": True, **anew, "out": folder}
    if found["resume"] is not None:
        raise DataError(f"{folder} does not say by which command line the study was begun")
    return found.pop("data"), found, arguments


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT


def _study(examples: Examples, options: Mapping[str, Any], arguments: Sequence[str]) -> Study:
    stem = Path(examples.name).stem or "data"
    names = {field.name for field in dataclasses.fields(Settings)} & options.keys()
    settings = Settings(**{name: options[name] for name in names - set(SEARCHED)})
    return Study(
        options["out"] or Path("runs") / f"{stem}-tune",
        examples,
        settings,
        space=_space(options, settings, examples),
        method=options["method"],
        trials=options["trials"],
        arguments=arguments,
    )


def _space(options: Mapping[str, Any], settings: Settings, examples: Examples) -> dict[str, Any]:
    """What is searched: the usual, or what a file says; and over it what the options say."""
    given = {name: options[name] for name in SEARCHED if options[name] is not None}
    if options["space"] is not None:
        return {**_from_file(Path(options["space"])), **given}
    known = dataclasses.replace(settings, model=chosen_model(settings.model, examples.x))
    return {**described(usual_space(known, examples.classes is not None)), **given}


def _from_file(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path} is too large for a space")
        given = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON: {error}") from None
    try:
        return described(read_space(given))
    except OptionError as error:
        raise OptionError(f"{path}: {error}") from None


def _stopped(console: Any, study: Study) -> None:
    console.print(
        f"stopped; {len(study.done):,} of {study.plan.total:,} trainings are recorded, and the "
        f"same command goes on from there, as does chainrule tune --resume "
        f"{shlex.quote(str(study.folder))}",
        markup=False,
        soft_wrap=True,
    )


def _conclude(console: Any, study: Study, command: str) -> None:
    """Say what was found, and write the page."""
    console.print()
    for line in ranked(study):
        console.print(Text(line), soft_wrap=True)
    best = study.best
    assert best is not None
    console.print(f"\n[bold]best: trial {best.number}, validation {figure_text(best)}[/bold]")
    console.print(Text(f"the same by: {command}"), soft_wrap=True)
    page = study.folder / _PAGE
    write(page_of(study, command), page)
    console.print(Text(f"all trials: {one_line(str(page))}"), soft_wrap=True)


def _train_members(
    console: Any, study: Study, runner: Runner, info: dict[str, Any], command: str, count: int
) -> None:
    """Train the best once more and make one model of them, to be measured on the test examples."""

    def told(one: Trained) -> None:
        came = one_line(one.error) or f"trained in {format_seconds(one.seconds)}"
        console.print(Text(f"trial {one.number}: {came}"), soft_wrap=True)

    there = sum(is_there(study, member) for member in chosen_members(study, count))
    known = f"; {there} of them are there already" * (there > 0)
    told_first = f"training the best {count} once more, each from weights of its own{known}"
    console.print(f"\n{told_first}\n", soft_wrap=True)
    found = train_ensemble(study, runner, count, info=info, told=told)
    console.print()
    *members, (name, figures) = ensembled_pairs(found)
    for member, told_of_it in members:
        console.print(Text(f"{member}: {told_of_it}"), soft_wrap=True)
    console.print(f"[bold]{name}: {figures}[/bold]", soft_wrap=True)
    write(page_of(study, command, found), study.folder / _PAGE)
    console.print(Text(f"as one model: {one_line(str(found.folder))}"), soft_wrap=True)


def _train_best(
    console: Any, study: Study, info: dict[str, Any], command: str, options: Mapping[str, Any]
) -> int:
    """Train the best once more as a run of its own, unless it is there."""
    folder = study.folder / _BEST
    if not options["best"]:
        return 0
    broken_off = (folder / "job.json").exists()
    if (folder / "report.html").exists() and not broken_off:
        console.print(Text(f"its run is there already: {one_line(str(folder))}"), soft_wrap=True)
        return 0
    console.print("\ntraining it once more, to be measured on the test examples:\n")
    if broken_off:
        return 130 if resume_job(folder, console=console).interrupted else 0
    outcome = run_job(
        study.examples,
        best_run(study.best_settings),
        folder,
        info=info,
        console=console,
        command=command,
        overwrite=True,
    )
    return 130 if outcome.interrupted else 0


def _command(data: str, options: Mapping[str, Any], settings: Settings) -> str:
    """The command line that trains with these settings."""
    usual, words = Settings(), ["chainrule", "train", data]
    for name, value in vars(best_run(settings)).items():
        if value != getattr(usual, name):
            told = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            words += [f"--{name.replace('_', '-')}", told]
    for name in LOADED:
        value = options[name]
        if isinstance(value, bool):
            words.append("--grey" if value else "--colour")
        elif value is not None and value != ():
            told = ",".join(value) if isinstance(value, tuple) else str(value)
            words += [f"--{name.replace('_', '-')}", told]
    return shlex.join(words)
