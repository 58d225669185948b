"""``coldstart bundle``: a study's artefacts, figures and tables as one file."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from coldstart.cli.clone import store_folders
from coldstart.cli.words import size
from coldstart.common.errors import ColdstartError
from coldstart.store import LayeredStore, bundle, unpack

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add(commands: "Commands") -> None:
    """Declare the commands ``export`` and ``import``."""
    parser = commands.add_parser("bundle", help="pass on a finished study as one file")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    export = actions.add_parser(
        "export", help="write the artefacts, figures and tables of a study to FILE"
    )
    export.add_argument("study", metavar="STUDY", help="a study that was built in this clone")
    export.add_argument("file", metavar="FILE.tar", type=Path, help="the file to write")
    export.add_argument("--scale", help="paper, cpu or smoke (default: `scale` in config.yaml)")
    export.add_argument("--with-encoders", action="store_true", help="include the trained encoders")
    export.set_defaults(command=_export)
    importing = actions.add_parser(
        "import", help="publish the artefacts of FILE in this clone's store"
    )
    importing.add_argument("file", metavar="FILE.tar", type=Path)
    importing.set_defaults(command=_import)


def _export(arguments: argparse.Namespace) -> int:
    from coldstart.cli.plans import plan_at, shown_in

    store = LayeredStore(*store_folders())
    plan, scale = plan_at(store, arguments.scale)
    study = arguments.study
    shown = {planned.key: planned for planned in shown_in(plan, study)}
    # The inputs of evaluations as well, so that another learner can be tried on the same picks.
    wanted = {
        made_from.key: made_from
        for planned in shown.values()
        if planned.identity.stage == "evaluate"
        for made_from in planned.inputs.values()
    } | shown
    if arguments.with_encoders:
        wanted |= {
            made_from.key: made_from
            for planned in list(wanted.values())
            for made_from in planned.inputs.values()
            if made_from.identity.stage == "pretrain"
        }
    files = {
        path.removeprefix("results/"): Path(path)
        for folder in ("figures", "tables")
        for path in plan.figures.targets(folder, [study])
    }
    command = f"snakemake --cores all --config studies={study} scale={scale}"
    missing = [planned.pointer for planned in wanted.values() if not store.has(planned.key)]
    missing += [str(path) for path in files.values() if not path.is_file()]
    if missing:
        raise ColdstartError(
            f"{study} is not finished at scale {scale}: {len(missing)} results are missing, such "
            f"as {missing[0]}. Build it first: {command}"
        )
    artefacts = [store.open(key) for key in wanted]
    written = bundle.write(arguments.file, study, scale, artefacts, files)
    print(f"wrote {arguments.file}: {len(artefacts)} artefacts, {size(written)}")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    store = LayeredStore(*store_folders())
    contents, new = unpack.read(arguments.file, store)
    print(
        f"published {len(new)} artefacts in {store.root}; "
        f"{len(contents.keys) - len(new)} were there already"
    )
    print(
        "Draw the figures: snakemake --cores all --config "
        f"studies={contents.study} scale={contents.scale}"
    )
    return 0
