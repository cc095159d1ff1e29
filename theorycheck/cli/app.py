"""The typer application: the verbs, their help and their examples.

A verb's module imports the engine inside its functions, so that ``--help`` stays quick.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from theorycheck import __version__
from theorycheck.cli import listing, report, theorems, verify
from theorycheck.cli.decompose import decompose
from theorycheck.errors import SettingError, nearest

#: Keeps the help formatter from refilling the lines that follow.
_AS_IS = "\b\n"
_MODELS = (
    _AS_IS + "MODEL is one of:\n"
    "  circle                      a benchmark's name (theorycheck list)\n"
    "  decoder.py:f                a function, or a torch module, in a Python file\n"
    "  'expr:[cos(z), sin(z)]'     an expression in z\n"
    "  table.csv, table.npz        a table of z, f(z)\n"
    "  decoder.pt2                 a network saved by torch.export.save"
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
    "Reports the premise, condition (1) for each --alternative, and whether an M-step moves the "
    f"ground truth. Without --eta the whole range of thresholds is looked at.\n\n{_MODELS}",
    "absolute_value --alternative 'expr:[g(z), g(z)]'".replace("g(z)", "Phi_inv((1+Phi(z))/2)"),
    "figure8 --eta 0.5 --json",
    short="Theorem 1's premise and conditions",
)
_add(
    theorems.noise,
    "noise",
    "Check Theorem 2: the noise variance that the ELBO fits at the true decoder.\n\n" + _MODELS,
    "spiral_dots",
    "mine.py:f --noise-variance 0.01,0.04 --json",
    short="Theorem 2: the noise variance that is fitted",
)
_add(
    report.report,
    "report",
    "Write an HTML report with figures, one section a model.\n\n" + _MODELS,
    "circle absolute_value -o out",
    "figure8 --alternative mine.py:f --eta 0.5 -o out",
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


def command() -> Any:
    """Return the click command behind the application."""
    return typer.main.get_command(app)
