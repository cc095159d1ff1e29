"""The typer application: the verbs, their help and their examples.

A verb's module imports the engine inside its functions, so that ``--help`` stays quick.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from theorycheck import __version__
from theorycheck.cli import (
    cite,
    export,
    judge,
    listing,
    noise,
    optimum,
    prove,
    report,
    schema,
    show,
    train,
    verify,
)
from theorycheck.cli import conditions as theorems
from theorycheck.cli import score as dataset
from theorycheck.cli.decompose import decompose
from theorycheck.errors import SettingError, nearest

#: Keeps the help formatter from refilling the lines that follow.
_AS_IS = "\b\n"
_MODELS = (
    _AS_IS + "MODEL is one of:\n"
    "  circle                      a benchmark's name (theorycheck list)\n"
    "  decoder.py:f                a function, or a torch module, in a Python file\n"
    "  decoder.py:vae.decoder      a part of a torch module\n"
    "  'expr:[cos(z), sin(z)]'     an expression in z\n"
    "  table.csv, table.npz        a table of z, f(z)\n"
    "  decoder.pt2                 a network saved by torch.export.save\n"
    "  run/checkpoint.pt           the selected restart of theorycheck train"
)


class _Verbs(TyperGroup):
    """Says which verb was meant."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the verb that the arguments begin with."""
        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in known:
            raise SettingError(f"there is no verb '{args[0]}': {nearest(args[0], known)}")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="theorycheck",
    cls=_Verbs,
    add_completion=False,
    # Plain help can be copied into a shell, and `[` in an expression is no markup there.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"theorycheck {__version__}")
        raise typer.Exit


@app.callback(
    invoke_without_command=True,
    help="Checks theory about variational autoencoders with numerical ground truth.\n\n"
    "Every number comes with an error radius; a verdict is holds, fails or inconclusive.\n\n"
    + _MODELS,
    epilog=_AS_IS + "Example:\n  theorycheck decompose circle --eta 0.1",
)
def _root(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


def _add(verb: Callable[..., Any], name: str, text: str, *examples: str, short: str) -> None:
    """Register a verb with its help and examples; `short` is its line among the verbs."""
    lines = "\n".join(f"  theorycheck {name}{' ' * bool(example)}{example}" for example in examples)
    title = "Example:" if len(examples) == 1 else "Examples:"
    app.command(name, help=text, short_help=short, epilog=f"{_AS_IS}{title}\n{lines}")(verb)


_add(
    listing.list_models,
    "list",
    "List the benchmarks with formula and noise variance, and the ways to name a model.",
    "",
    short="what MODEL can be",
)
_add(
    decompose,
    "decompose",
    "Split -ELBO into H + MLEO + PMO at the best mean-field q.\n\n"
    "With --data the model is judged on another model's data. --eta adds the partition of the "
    f"data space at that threshold.\n\n{_MODELS}",
    "circle --eta 0.1",
    "'expr:[abs(z), z]' --noise-variance 0.01 --json",
    "mine.py:f --data figure8 --tolerance 1e-4",
    short="-ELBO = H + MLEO + PMO",
)
_add(
    theorems.conditions,
    "conditions",
    "Check Theorem 1: is the ground truth not the best that a VAE can learn?\n\n"
    "Searches for the predicted optimum and checks the premise, condition (1) for it and for each "
    "--alternative, conditions (2) and (2') over rearrangements of the ground truth with the same "
    "p(x), whether premise, (1) and (2) hold at one threshold, as the theorem asks, and whether an "
    "M-step moves the ground truth. Without --eta the whole range of thresholds is looked at, and "
    f"the intervals between them.\n\n{_MODELS}",
    "absolute_value --alternative 'expr:[g(z), g(z)]'".replace("g(z)", "-Phi_inv(Phi(-z)/2)"),
    "figure8 --search thorough --tears 10",
    "figure8 --search none --eta 0.5 --json",
    short="Theorem 1's premise and conditions",
)
_add(
    optimum.optimum,
    "optimum",
    "Find the decoder that the ELBO (or the IWAE bound) prefers to all others, without a network."
    "\n\n"
    "Many ascents over functions f, basin hopping, then an exact evaluation on data that the "
    "search never saw. J is an upper bound on the infimum over all f, attained by the decoder "
    "found. -o FILE.npz writes the result: other verbs take it as --optimum FILE.npz, and it is a "
    "MODEL: theorycheck decompose FILE.npz --data MODEL judges its decoder. --steepness "
    f"bounds |f'|; given several times, a table shows what each bound costs.\n\n{_MODELS}",
    "figure8 --seed 1 -o best.npz",
    "mine.py:f --effort thorough --jobs 2",
    "circle --objective iwae --samples 5",
    "absolute_value --steepness 1 --steepness 2 --steepness inf --json",
    short="what training should reach, over all decoders",
)
_add(
    noise.noise,
    "noise",
    "Check Theorem 2: the noise variance that the ELBO fits.\n\n"
    "At the true decoder, at the best decoder found with the true noise variance held, and where "
    "decoder, q and noise variance are all optimised. With --from-loss instead, and without any "
    f"search: the noise variance that a loss of squared errors assumes.\n\n{_MODELS}",
    "spiral_dots",
    "figure8 --search thorough --fit each",
    "mine.py:f --noise-variance 0.01,0.04 --search none --json",
    "figure8 --search none --held-noise 0.01,0.015,0.02,0.03 --figure curve.svg",
    "--from-loss 'mse + 0.001*kl' --data-dim 784 --loss-value 0.04",
    short="Theorem 2: the noise variance that is fitted",
)
_add(
    prove.prove,
    "prove",
    "Print a derivation step by step, each step checked; without NAME list all of them.\n\n"
    "Exit code 1 if a step is not proved.",
    "",
    "theorem1_repair",
    "theorem1_gap --latex",
    short="derivations that run",
)
_add(
    train.train,
    "train",
    "Train VAE, IWAE or LIN networks on the data of a model, and judge each exactly.\n\n"
    "All restarts are trained as one batch, half of them from the ground truth; the one with the "
    "best objective is selected and compared with the predicted optimum of that objective."
    f"\n\n{_MODELS}",
    "figure8 --method vae -o run",
    "circle --method iwae --samples 20 --estimator dreg",
    "spiral_dots --method vae --learn-noise --data-size 5000 --json",
    short="networks, judged by the exact engine",
)
_add(
    judge.judge,
    "judge",
    "Judge a network that was trained on the data of another model.\n\n"
    "Reports J, MLEO and PMO at the optimal q, how far that is from the predicted optimum, and "
    f"what its own encoder loses.\n\n{_MODELS}",
    "run/checkpoint.pt --data figure8",
    "mine.py:decoder --encoder mine.py:encoder --data circle --json",
    short="a trained network against its data",
)
_add(
    report.report,
    "report",
    "Write an HTML report with figures, one section a model.\n\n" + _MODELS,
    "circle absolute_value -o out",
    "figure8 --alternative mine.py:f --eta 0.5 -o out",
    "figure8 --trained run-vae --trained run-iwae -o out",
    short="an HTML report with figures",
)
_add(
    verify.verify,
    "verify",
    "Run the claims that this package makes and write the table of evidence.\n\n"
    "Exit code 1 if a claim's test fails.",
    "-o evidence",
    short="run the claims, write the evidence",
)

_add(
    dataset.dataset,
    "dataset",
    "Write draws from a benchmark with exact log p, the optimal q and its KL at each.\n\n"
    "NAME.npz has the arrays; NAME.json, its card, says what they are, how they were made and what "
    "was checked, with H and J of the ground truth and of the best decoder found.",
    "figure8 -o data --size 10000 --seed 1",
    short="draws with exact answers, for other frameworks",
)
_add(
    dataset.score,
    "score",
    "Score a decoder on a benchmark: J, against the ground truth and the best decoder found.\n\n"
    + _MODELS,
    "'expr:[z, 0*z]' --on figure8",
    "mine.py:f --on circle --json",
    short="a decoder on a benchmark, against the best found",
)
_add(
    export.export,
    "export",
    "Write a result as a netCDF file that xarray opens.\n\n"
    "decomposition: the averages and the nodes behind them; kl-map: KL over x; landscape: KL over "
    f"q at one x; optimum: the decoder found by a quick search, its starts and hops.\n\n{_MODELS}",
    "figure8 --what kl-map -o kl.nc",
    "figure8 --what landscape --at 0,0 -o landscape.nc",
    short="a result as netCDF, for xarray",
)
_add(
    show.show,
    "show",
    "Print what a result file holds, as the verb that made it printed it, and what made it.\n\n"
    "FILE is what -o of decompose, optimum, conditions, noise or judge wrote, or judged.npz in a "
    "folder of train. Nothing is searched for; beside an optimum the ground truth is evaluated.",
    "best.npz",
    "best.npz --json",
    short="a saved result, as it was printed",
)
_add(
    schema.schema,
    "schema",
    "Print the JSON schema of what a verb prints with --json; without VERB list all of them.",
    "",
    "decompose",
    short="JSON schemas of what the verbs print",
)
_add(
    cite.cite,
    "cite",
    "Print BibTeX of what a run used: this software, the paper, the methods.\n\n"
    "RUN is what a verb wrote: report.json, the JSON of a verb, a checkpoint or folder of train.",
    "figure8 --verb optimum",
    "out/report.json",
    short="BibTeX of what a run used",
)


def command() -> Any:
    """Return the click command behind the application."""
    return typer.main.get_command(app)
