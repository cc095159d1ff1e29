"""Defines the typer application: the verbs, their help and their examples.

A verb's module imports the engine inside its functions, so that ``--help`` stays quick.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from theorycheck import __version__
from theorycheck.cli import (
    advise,
    cite,
    compress,
    data,
    data_train,
    defend,
    disentangle,
    export,
    judge,
    labels,
    listing,
    noise,
    optimum,
    prove,
    report,
    schema,
    show,
    train,
    train_labels,
    verify,
)
from theorycheck.cli import conditions as theorems
from theorycheck.cli import score as dataset
from theorycheck.cli.decompose import decompose
from theorycheck.cli.help_texts import AS_IS, CONDITIONS, LABELLED_MODELS, MODELS, TERMS
from theorycheck.errors import SettingError, nearest


class _Verbs(TyperGroup):
    """Says which verb was meant."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the verb that the arguments begin with."""
        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in known:
            raise SettingError(f"there is no verb '{args[0]}': {nearest(args[0], known)}")
        return super().resolve_command(ctx, args)


def _typer(name: str) -> typer.Typer:
    return typer.Typer(
        name=name,
        cls=_Verbs,
        add_completion=False,
        # Plain help can be copied into a shell, and `[` in an expression is no markup there.
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


app = _typer("theorycheck")
#: The verbs of two words.
_data = _typer("data")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"theorycheck {__version__}")
        raise typer.Exit


@app.callback(
    invoke_without_command=True,
    help="Check theory about variational autoencoders (VAEs) by exact computation.\n\n"
    "For a decoder of one latent, and in part of two or three, quadrature gives log p(x), the "
    "posteriors and the best Gaussian q(z|x), and a search the decoder that the ELBO prefers to "
    "all others found. Trained networks are compared with that. Every number comes with an error "
    "radius; "
    "a verdict is holds, fails or inconclusive.\n\n" + MODELS,
    epilog=AS_IS + "Example:\n  theorycheck decompose circle --eta 0.1",
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
    """Register a verb with its help and examples; `short` is its line among the verbs.

    A name of two words is a verb of the group that the first names.
    """
    lines = "\n".join(f"  theorycheck {name}{' ' * bool(example)}{example}" for example in examples)
    title = "Example:" if len(examples) == 1 else "Examples:"
    group = _data if name.startswith("data ") else app
    epilog = f"{AS_IS}{title}\n{lines}"
    group.command(name.split()[-1], help=text, short_help=short, epilog=epilog)(verb)


_add(
    listing.list_models,
    "list",
    "List the benchmarks with formula and noise variance, and the ways to name a MODEL.",
    "",
    "--json",
    short="list the benchmarks, and what MODEL can be",
)
_add(
    decompose,
    "decompose",
    "Split -ELBO into H + MLEO + PMO, with the best Gaussian q(z|x) for every x.\n\n"
    "The data distribution p(x) is that of MODEL, or with --data that of another model, the ground "
    "truth. The output is a table of the terms, each with its error radius, and a sentence on what "
    "they mean. No network is trained; it takes seconds. Here MODEL may be a linear-Gaussian "
    "model, too, with any number of latents: 'linear:[[1, 0.5], [0.2, 2]]' is its matrix, a row "
    f"for each dimension of x.\n\n{TERMS}\n\n{MODELS}",
    "circle --eta 0.1",
    "'expr:[abs(z), z]' --noise-variance 0.01 --json",
    "mine.py:f --data figure8 --tolerance 1e-4",
    "'linear:[[1, 0.5], [0.2, 2]]' --noise-variance 0.1",
    short="split -ELBO into H + MLEO + PMO",
)
_add(
    theorems.conditions,
    "conditions",
    "Check Theorem 1: does the ELBO prefer another decoder, with a wrong p(x), to MODEL?\n\n"
    "MODEL is the ground truth. Tried as better decoders are the predicted optimum (that of "
    "smallest J that a search finds) and each --alternative; decoders with the same p(x) as MODEL "
    "are made from its curve by folds, tears and pieces. The output has the numbers and these "
    "verdicts, for all thresholds η of KL(x) unless --eta is "
    f"given:\n\n{CONDITIONS}\n\n{TERMS}\n\n{MODELS}",
    "absolute_value --alternative 'expr:[g(z), g(z)]'".replace("g(z)", "-Phi_inv(Phi(-z)/2)"),
    "figure8 --search thorough --tears 10",
    "figure8 --search none --eta 0.5 --json",
    short="check Theorem 1's premise and conditions",
)
_add(
    optimum.optimum,
    "optimum",
    "Find the decoder that the ELBO (or the IWAE bound) prefers to all others, without a network."
    "\n\n"
    "The data are those of MODEL. Coordinate ascent over functions f of z starts from many points, "
    "basin hopping improves the best, and the decoder found is evaluated exactly on data nodes "
    "that the search never saw. Its J is an upper bound on the smallest J of any decoder: another "
    "search may find a better one. The output compares it with MODEL itself and says how often the "
    "best was found. With several --steepness a table shows J under each bound on |f'|."
    f"\n\n{TERMS}\n\n{MODELS}",
    "figure8 --seed 1 -o best.npz",
    "mine.py:f --effort thorough --jobs 2",
    "circle --objective iwae --samples 5",
    "absolute_value --steepness 1 --steepness 2 --steepness inf --json",
    short="find what training should reach, over all decoders",
)
_add(
    noise.noise,
    "noise",
    "Check Theorem 2: which noise variance σ² does the ELBO fit, and is it biased?\n\n"
    "MODEL is the ground truth. The output has, for each data dimension, the σ² that maximises the "
    "ELBO for the true f, for the best f found at the true σ², and where f and σ² are optimised "
    "together; beside it the σ² that the exact posterior fits. With --from-loss nothing is "
    "searched for: the σ² that a training loss of squared errors and KL implies is printed."
    f"\n\n{MODELS}",
    "spiral_dots",
    "figure8 --search thorough --fit each",
    "mine.py:f --noise-variance 0.01,0.04 --search none --json",
    "figure8 --search none --held-noise 0.01,0.015,0.02,0.03 --figure curve.svg",
    "--from-loss 'mse + 0.001*kl' --data-dim 784 --loss-value 0.04",
    short="check Theorem 2: which noise variance is fitted",
)
_add(
    compress.compress,
    "compress",
    "Compare the ELBO's optima with more and more latents: what each latent still says of x.\n\n"
    "p(x) of MODEL is the data. For every K of --latents the best decoder is searched for; printed "
    "are J in its parts, σ², and the informativeness of each latent, of q and of the posterior. "
    "J never rises with K at a held σ², so that what counts is how much it falls, and whether the "
    "PMO and the mean informativeness of the latents fall too."
    f"\n\n{MODELS}",
    "figure8",
    "clusters --fit-noise shared --figure clusters.png",
    "figure8 --latents 1 --learned net.py:decoder --json",
    short="what more latents gain, and what each then says of x",
)
_add(
    defend.defend,
    "defend",
    "Attack manifold defences exactly: do they hold with the σ², f and K that the ELBO selects?\n\n"
    "MODEL is the ground truth, of one latent and two data dimensions; two classes are split by z. "
    "Before a classifier sees it, x is projected on the image of f, reconstructed, or refused by "
    "log p(x) or by its distance from the image. The output has the share of x that stay right "
    "under the worst attack within ε, with MODEL in the defence, with the σ² that the ELBO selects "
    "for the true f, with the f and σ² that it selects together, and with every --learned."
    f"\n\n{MODELS}",
    "figure8",
    "circle --search none --learned 'expr:[(1+0.09*z2)*cos(2*pi*Phi(z1)), "
    "(1+0.09*z2)*sin(2*pi*Phi(z1))]' --defence projection",
    "figure8 --search none --epsilon 0.5,1,2 --classifier bayes --json",
    short="attack manifold defences, with σ², f and K of the ELBO",
)
_add(
    prove.prove,
    "prove",
    "Run the derivations behind the theory; print one step by step, or list all.\n\n"
    "Each step is checked by sympy or z3 while it is printed. The exit code is 1 if a step is not "
    "proved.",
    "",
    "theorem1_repair",
    "theorem1_gap --latex",
    short="run the derivations, each step checked",
)
_add(
    train.train,
    "train",
    "Train VAE, IWAE or LIN networks on the data of MODEL, and evaluate each exactly.\n\n"
    "All restarts are trained as one batch, half of them from the ground truth. The restart with "
    "the best validation objective is selected and compared with the predicted optimum: what a "
    "search over all decoders finds for the same objective. The output has J, MLEO and PMO of "
    "every restart, computed by quadrature with the best Gaussian q, and the gap to that optimum. "
    f"It takes minutes, and needs PyTorch.\n\n{TERMS}\n\n{MODELS}",
    "figure8 --method vae -o run",
    "circle --method iwae --samples 20 --estimator dreg",
    "spiral_dots --method vae --learn-noise --data-size 5000 --json",
    short="train networks, and evaluate them exactly",
)
_add(
    judge.judge,
    "judge",
    "Evaluate a trained decoder exactly, and compare it with the predicted optimum.\n\n"
    "MODEL is the trained decoder, --data the ground truth that its data came from. The output has "
    "J, MLEO and PMO with the best Gaussian q for every x, how far J is above that of the "
    "predicted optimum (what a search over all decoders finds), and how many nats the network's "
    "own encoder loses against the best q.\n\nWhere no ground truth is known, --sample is a table "
    "of x, and MODEL may have two or three latents: the output has log p(x) of the table, "
    "what a Gaussian q and the encoder lose of it, how each latent is used, and how far off "
    f"importance draws are. It needs PyTorch.\n\n{TERMS}\n\n{MODELS}",
    "run/checkpoint.pt --data figure8",
    "mine.py:decoder --encoder mine.py:encoder --data circle --json",
    "vae.py:vae --sample x.npz --encoder-returns log-variance --figures out",
    short="evaluate a trained network exactly",
)
_add(
    report.report,
    "report",
    "Write an HTML report with figures, a section for each MODEL.\n\n"
    "It shows the decomposition of -ELBO, Theorem 1's premise, posteriors and their best "
    "Gaussians, and the predicted optimum (the decoder of smallest J that a search finds) beside "
    "the ground truth. report.json has all numbers. It takes about a minute for each model."
    f"\n\n{TERMS}\n\n{MODELS}",
    "circle absolute_value -o out",
    "figure8 --alternative mine.py:f --eta 0.5 -o out",
    "figure8 --trained run-vae --trained run-iwae -o out",
    short="write an HTML report with figures",
)
_add(
    verify.verify,
    "verify",
    "Check the paper's claims, and print a verdict for each.\n\n"
    "A claim is verified, refuted, verified in part or inconclusive; its evidence is what was "
    "measured, with error radii. The exit code is 1 if a claim's test fails.",
    "--networks none -o evidence",
    short="check the paper's claims, write the evidence",
)

_add(
    dataset.dataset,
    "dataset",
    "Draw a data set from a benchmark, with log p(x) and the best Gaussian q at each x.\n\n"
    "NAME.npz has the arrays: x, z, log p(x), mean and scale of q, and its KL to the posterior. "
    "NAME.json says how they were made and what was checked, with H and J of the ground truth and "
    "of the best decoder known (J = -ELBO - H).",
    "figure8 -o data --size 10000 --seed 1",
    short="draw a data set with exact answers",
)
_add(
    dataset.score,
    "score",
    "Compute J of a decoder on a benchmark, beside the ground truth and the best decoder known.\n\n"
    "MODEL is the decoder, --on names the benchmark whose data it is to explain."
    f"\n\n{TERMS}\n\n{MODELS}",
    "'expr:[z, 0*z]' --on figure8",
    "mine.py:f --on circle --json",
    short="compare a decoder with the best one known on a benchmark",
)
_add(
    export.export,
    "export",
    "Write a result as a netCDF file that xarray opens.\n\n"
    "decomposition has H, MLEO, PMO and J and the nodes of the quadrature; kl-map has KL[q* || "
    "p(z|x)] over x; landscape has KL[N(μ, s²) || p(z|x)] over (μ, s) at one x, or of two latents "
    "over both means of q; optimum has the "
    "decoder that a quick search finds, and where its starts ended. All are in nats."
    f"\n\n{TERMS}\n\n{MODELS}",
    "figure8 --what kl-map -o kl.nc",
    "figure8 --what landscape --at 0,0 -o landscape.nc",
    "'expr:[z1, z2 + z1^2]' --noise-variance 0.1 --what landscape --at 0,1 -o means.nc",
    short="write a result as netCDF, for xarray",
)
_add(
    disentangle.disentangle,
    "disentangle",
    "Say which rotation of its two latents the ELBO prefers, and by how much.\n\n"
    "f(R_a z) has the same p(x) for every angle a, so that J is the PMO alone; the latents of "
    "MODEL count as the ground-truth factors. The output has J for each angle, the angle of the "
    "smallest J, how many nats it gains, and the mutual information of each latent with each "
    "factor, with its gap (MIG), before and after. Swaps and reflections of latents change "
    f"nothing, and are not counted. It takes seconds to minutes.\n\n{TERMS}\n\n{MODELS}",
    "'expr:[z1 + 0.8*z2, 0.6*z2]' --noise-variance 0.05",
    "vae.py:decoder --latents 2 --noise-variance 0.1 --angles 32 --figure angles.svg",
    "'linear:[[1, 0.8], [0, 0.6]]' --noise-variance 0.05 --json",
    short="which rotation of two latents the ELBO prefers",
)
_add(
    labels.labels,
    "labels",
    "Say what a semi-supervised VAE (M2) learns: does the best f keep the classes apart?\n\n"
    "Some of the x have a label y. The ground truth is one decoder f_y for each class; the output "
    "has, for each weight γ of the labelled bound and each family of q, the parts of the objective "
    "at the ground truth and at the decoders that a search finds, and the information on y that x "
    "keeps. Where it is lost (functional collapse), p_f(x|y) no longer depends on y. No network is "
    "trained; it takes half a minute for each γ and family on two cores.\n\nWith a continuous "
    "label the ground truth is held against f of the same p(x), where there are any: the "
    "collapsed one, in which the label says nothing of x, and some that keep a part of it; all "
    f"γ and families together take minutes.\n\n{LABELLED_MODELS}",
    "discrete_semi_circle",
    "discrete_semi_circle --gamma 0.1,1,10 --family factorised -o out",
    "'expr:[z, (2*y - 1)*z^2]' --noise-variance 0.1 --search none --json",
    "continuous_semi_circle --gamma 0.1,1,10",
    short="what a semi-supervised VAE learns of the classes",
)


@_data.callback(
    invoke_without_command=True,
    help="Fetch and describe public data sets for semi-supervised models, and train on them.",
    short_help="fetch public data sets, describe them, train on them",
    epilog=AS_IS + "Example:\n  theorycheck data fetch titanic",
)
def _data_root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


_add(
    data.fetch,
    "data fetch",
    "Download a public data set into the cache, or take it from a folder.\n\n"
    "The file is the publisher's (UCI or KEEL), and is refused if its SHA-256 is not the one that "
    "is known. It is written whole or not at all.",
    "titanic",
    "debrecen --folder downloads",
    short="download a public data set, with a checksum",
)
_add(
    data.show,
    "data show",
    "Describe a data set: classes, discrete columns, repeated rows, and its splits.\n\n"
    "The splits are 80 % training and 20 % test rows, stratified by class, with x standardised by "
    "the training rows. Where values occur again and again, the output says at which σ² a fit must "
    "stop. Nothing is downloaded.",
    "titanic",
    "debrecen --folder downloads --splits 20 --baseline",
    short="say what is in a data set, and how it is split",
)
_add(
    data_train.train,
    "data train",
    "Train semi-supervised VAE, IWAE or LIN networks on a data set, and measure them exactly.\n\n"
    "Networks f(y, z), q(y|x) and q(z|x) are trained on the training rows of several splits, all "
    "splits as one batch, with one σ² above the floor that 'data show' names. Each is kept as it "
    "was when its objective on validation rows was lowest. The output has, for the rows held out, "
    "log p(x) and log p(x|y) by quadrature over z, balanced accuracy, the information on y that x "
    "keeps, and a two-sample test of generated rows. It takes minutes, and needs PyTorch.",
    "titanic --method vae",
    "debrecen --method iwae --latents 2 --gamma 10 --folder downloads --json",
    short="train semi-supervised networks on a data set",
)
app.add_typer(_data, name="data")
_add(
    train_labels.train_labels,
    "train-labels",
    "Train semi-supervised VAE, IWAE or LIN networks (M2), and evaluate them exactly.\n\n"
    "Networks f(y, z), q(y|x) and q(z|x, y) are trained on x of which some have a label y, all "
    "restarts as one batch, half of them from the ground truth. The restart with the best "
    "validation objective is selected; its J, the parts of it, and the information on y that x "
    "keeps are computed by quadrature with the best q of the family, and compared with what a "
    "search over all decoders finds. It takes minutes, and needs PyTorch."
    f"\n\n{LABELLED_MODELS}",
    "discrete_semi_circle --method vae --family factorised",
    "discrete_semi_circle --method iwae --bound summed --labelled-share 0.05 -o run",
    "'expr:[z, (2*y - 1)*z^2]' --noise-variance 0.1 --method vae --data-size 1000 --json",
    "continuous_semi_circle --method iwae --family flexible --steps 800",
    short="train networks on x with and without labels",
)
_add(
    advise.advise,
    "advise",
    "Say what the paper's guidelines come to on a table of data, with the evidence for each.\n\n"
    "On several splits the best decoder f of one latent is found for the rows, of the ELBO with "
    "its best Gaussian q and of the exact likelihood, at the same cross-validated bound on |f'| "
    "and σ². The output compares them by exact log p of held-out rows, has the σ² of each, the "
    "modes and the dimension of the rows, and for each guideline a verdict (holds, fails, "
    "inconclusive), a sentence of advice and the command that follows it up. No network is "
    "trained; 1,000 rows take a minute or two.",
    "data.csv",
    "data.csv --label outcome -o advice",
    "data.npz --rows 500 --splits 3 --json",
    short="advice on q, σ² and regularisation from a table of data",
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
    "Print the JSON schema of what a verb prints with --json: every entry with its unit.",
    "",
    "decompose",
    short="print the JSON schema of a verb's output",
)
_add(
    cite.cite,
    "cite",
    "Print BibTeX entries of what a run used: this software, the paper and the methods.\n\n"
    "RUN is what a verb wrote: report.json, its JSON output, or a checkpoint or folder of train.",
    "figure8 --verb optimum",
    "out/report.json",
    short="print BibTeX of what a run used",
)


def command() -> Any:
    """Return the click command behind the application."""
    return typer.main.get_command(app)
