"""What ``theorycheck judge`` does with a table of x: a VAE of one to three latents on real data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theorycheck.cli.options import checked_directory
from theorycheck.cli.training_options import need_torch
from theorycheck.errors import LoadingError, SettingError

if TYPE_CHECKING:
    from theorycheck.cli.options import ModelOptions
    from theorycheck.evaluation import Encoder, SampleJudged

#: σ² that a fit starts from where none is given.
_START = "0.1"


@dataclass(frozen=True)
class SampleRequest:
    """What a command asks of a VAE on a table of x.

    Parameters
    ----------
    model : str
        MODEL: a decoder, or a whole VAE in a Python file.
    table : Path
        The x.
    encoder : str or None
        Value of --encoder.
    returns : str
        What the encoder returns beside μ.
    options : ModelOptions
        How MODEL is read.
    fit_noise : str
        Value of --fit-noise.
    draws : str
        Value of --draws.
    seed : int
    output, figures : Path or None
        Where result and figures go.
    as_json : bool
    """

    model: str
    table: Path
    encoder: str | None
    returns: str
    options: ModelOptions
    fit_noise: str
    draws: str
    seed: int
    output: Path | None
    figures: Path | None
    as_json: bool

    def run(self) -> None:
        """Evaluate, write and print."""
        from theorycheck.cli.render import print_json, stdout_kept_for_result
        from theorycheck.evaluation import judge_on_sample
        from theorycheck.models import read_sample
        from theorycheck.terminal_progress import terminal_progress

        draws = _numbers_of_draws(self.draws)
        if self.figures is not None:
            checked_directory(self.figures)
        need_torch("judge")
        if self.fit_noise == "each":
            raise SettingError("--fit-noise each: on a table of x one σ² is fitted: write shared")
        fit = self.fit_noise == "shared"
        with stdout_kept_for_result():
            x = read_sample(self.table)
            decoder, encoder = _parts_of_vae(self.model)
            options = self.options
            if fit and options.noise_variance is None:
                options = _with_start(options)
            model = options.load(decoder, any_latents=True)
            own = self._encoder(encoder, model.latent_dim)
            result = judge_on_sample(
                model, x, own, fit_noise=fit, draws=draws, seed=self.seed,
                progress=terminal_progress(),
            )  # fmt: skip
            if self.figures is not None:
                from theorycheck.report import write_sample_figures

                write_sample_figures(result, self.figures)
        if self.output is not None:
            result.save(self.output)
        if self.as_json:
            print_json(result.to_dict(), "judge_sample")
        else:
            show_sample(result)

    def _encoder(self, of_model: str | None, latents: int) -> Encoder | None:
        spec = self.encoder or of_model
        if spec is None:
            return None
        from neural import encoder_of_module

        return encoder_of_module(called(spec), self.returns, latents)


def _numbers_of_draws(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise SettingError(f"--draws: '{text}' is not a list of numbers like 100,5000") from None


def is_sample(data: str) -> bool:
    """Tell whether --data names a table of x, and not a MODEL.

    Parameters
    ----------
    data : str
        Value of the option: an .npy file, or an .npz file with an array x and none called z.

    Returns
    -------
    bool
    """
    import zipfile

    path = Path(data)
    if path.suffix.lower() == ".npy":
        return True
    if path.suffix.lower() != ".npz" or not path.is_file():
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            held = {Path(name).stem for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile):
        return False
    return "x" in held and not held & {"z", "head"}


def _with_start(options: ModelOptions) -> ModelOptions:
    from dataclasses import replace

    return replace(options, noise_variance=[_START])


def _parts_of_vae(spec: str) -> tuple[str, str | None]:
    """Return the decoder of a whole VAE in a Python file, and its encoder; else MODEL itself."""
    path, colon, name = spec.rpartition(":")
    if not colon or not path.lower().endswith(".py"):
        return spec, None
    from theorycheck.models import object_in_file, vae_parts

    found = vae_parts(object_in_file(Path(path), name))
    if found is None:
        return spec, None
    decoder, encoder = found
    return f"{spec}.{decoder}", f"{spec}.{encoder}"


def called(spec: str) -> Any:
    """Load an encoder out of a user's Python file: a torch module, a method of one, a function."""
    import torch

    from theorycheck.models import object_in_file

    path, colon, name = spec.rpartition(":")
    if not colon or not path.lower().endswith(".py"):
        raise LoadingError(f"--encoder: '{spec}' is not of the form file.py:name")
    found = object_in_file(Path(path), name)
    owner = getattr(found, "__self__", found)
    if isinstance(owner, torch.nn.Module):
        owner.to(device="cpu", dtype=torch.float64).eval()
    elif not callable(found):
        raise LoadingError(f"--encoder: '{name}' is no encoder but {type(found).__name__}")
    return found


def show_sample(result: SampleJudged) -> None:
    """Print the figures of a VAE on a table of x, and what they say.

    Parameters
    ----------
    result : SampleJudged
    """
    from theorycheck.cli.render import console, say, table

    out = console()
    amortisation = result.mean_amortisation_gap
    whose = "its encoder" if amortisation is not None else "the best q"
    variance = result.model.noise_variance
    sigma = f"σ² = {variance[0]:.4g}" if (variance == variance[0]).all() else "σ² as given"
    if result.noise is not None:
        sigma += " (fitted by exact likelihood)"
    title = f"{result.model.name}, K = {result.model.latent_dim}, {sigma}, on {len(result.x)} x"
    rows = [
        ("log p(x)", str(result.mean_log_density)),
        ("approximation gap: log p(x) − ELBO at the best q", str(result.mean_approximation_gap)),
    ]
    if amortisation is not None:
        rows.append(("amortisation gap: what the encoder loses against that", str(amortisation)))
    rows.append((f"ELBO at {whose}", str(result.mean_elbo)))
    out.print(table(title, ("mean over the table", "nats"), rows))
    latents = [
        (
            f"z{k + 1}",
            "active" if one.active else "inactive",
            str(one.informativeness),
            str(one.aggregate_kl),
            f"{one.mean_variance.value:.4g}",
        )
        for k, one in enumerate(result.use)
    ]
    of_latents = ("latent", "", "I_q(x; z), nats", "KL[q(z) ‖ N(0, 1)], nats", "variance of μ")
    out.print(table(f"how {whose} uses the latents", of_latents, latents))
    if result.draws:
        draws = [
            (
                str(one.samples),
                f"{100.0 * one.share_off:.3g} %",
                f"{one.error.mean():.3g}",
                f"{one.error[abs(one.error).argmax()]:.3g}",
            )
            for one in result.draws
        ]
        of_draws = ("draws", "off by > 0.1 nats", "mean error, nats", "worst error, nats")
        count = len(result.draws[0].rows)
        out.print(table(f"log p(x) by importance draws from {whose}, {count} x", of_draws, draws))
    for line in sample_in_words(result):
        say(out, line)


def sample_in_words(result: SampleJudged) -> list[str]:
    """Say what the figures of a VAE on a table of x mean.

    Parameters
    ----------
    result : SampleJudged

    Returns
    -------
    list of str
    """
    import numpy as np

    lines = []
    amortisation, approximation = result.mean_amortisation_gap, result.mean_approximation_gap
    if amortisation is not None:
        larger = "the encoder" if amortisation.value > approximation.value else "the family of q"
        lines.append(
            f"Of what the ELBO misses of log p(x), {larger} loses more: "
            f"{amortisation.value:.3g} nats by the encoder, {approximation.value:.3g} because q is "
            "a Gaussian with independent latents."
        )
    inactive = [f"z{k + 1}" for k, one in enumerate(result.use) if not one.active]
    if inactive:
        lines.append(f"Inactive: {', '.join(inactive)} says nothing of x.")
    worst = result.worst(3)
    named = ", ".join(f"row {row} ({result.total_gaps[row]:.3g})" for row in worst)
    lines.append(f"Largest gaps between log p(x) and the ELBO, nats: {named}; rows count from 0.")
    unresolved = int((~np.isfinite(result.density_error)).sum())
    if unresolved:
        lines.append(f"At {unresolved} x log p(x) is not resolved: its radius is unbounded there.")
    if result.noise is not None and not result.noise.converged:
        lines.append(
            f"The fit of σ² had not settled after {result.noise.steps} steps: the last one still "
            f"changed it by {100.0 * result.noise.change:.2g} %."
        )
    return lines
