"""From what a user writes to a generative model: the MODEL of the command line."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from numpy.typing import ArrayLike

from theorycheck.errors import DecoderError, LoadingError, TheorycheckError, nearest
from theorycheck.models._benchmarks import BENCHMARKS, benchmark
from theorycheck.models._decoder import MOST_LATENTS, Decoder
from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel
from theorycheck.models._other_files import NOT_READ
from theorycheck.models._table_files import decoder_of_table, read_table
from theorycheck.models._torch_decoders import from_torch_module, load_torch_file

__all__ = ["from_torch_module", "load_model"]

_FORMS = (
    "a model is a benchmark's name, file.py:function, expr:[cos(z), sin(z)], "
    "a .csv or .npz table, a .pt2 file, or a .pt file that train wrote"
)
#: Module attributes of a user's file that give σ² and the number of latents K.
NOISE_ATTRIBUTE = "NOISE_VARIANCE"
LATENTS_ATTRIBUTE = "LATENTS"
_counter = itertools.count()


def load_model(
    spec: str | GenerativeModel | Decoder,
    *,
    noise_variance: ArrayLike | None = None,
    vectorize: bool = False,
    breakpoints: Sequence[float] | None = None,
    table_kind: str | None = None,
    resolution: float | None = None,
    latents: int | None = None,
) -> GenerativeModel:
    """Make a generative model from its specification.

    Parameters
    ----------
    spec : str or GenerativeModel or Decoder
        A benchmark's name; ``file.py:name``, where name is a function, a Decoder, a
        GenerativeModel or an ``nn.Module``, or a part of one such as ``vae.decoder`` or
        ``vae.decode`` (the file is run: trust it); ``expr:...`` (parsed,
        never run); a table (``.csv``, ``.tsv``, ``.txt``, ``.dat``, ``.npz``); a ``.pt2`` file of
        ``torch.export.save``; or a ``.pt`` file that ``train`` wrote.
    noise_variance : float or sequence of D floats, optional
        σ². Needed where the model has none: benchmarks and trained networks have one, an ``.npz``
        table may, and a Python file may define ``NOISE_VARIANCE``. Given, it wins.
    vectorize : bool
        Call the function once per latent: it takes one at a time.
    breakpoints : sequence of float, optional
        Kinks and jumps of f; replaces what the model declares.
    table_kind : {"linear", "cubic", "cells"}, optional
        How a table goes on between its points; by default what the file says, else linear.
    resolution : float, optional
        Scan f for whatever is wider than this in z; by default what the model asks for, or 5e-4.
    latents : int, optional
        Number of latents K, from 1 to 3. By default what an expression names (``z`` or ``z1``,
        ``z2``, ``z3``), how many inputs a network has, what a Python file says in ``LATENTS``, or
        else 1.

    Returns
    -------
    GenerativeModel

    Raises
    ------
    LoadingError
        One line, if there is no such model or σ² is missing.
    ExpressionError, DecoderError, ModelError, MissingExtraError
        If the expression, f, σ² or PyTorch is at fault.
    """
    decoder, own_noise = _resolve(spec, vectorize, table_kind, latents)
    if latents is not None and decoder.latent_dim != latents:
        raise LoadingError(
            f"{decoder.name}: has {decoder.latent_dim} latent{'s' * (decoder.latent_dim > 1)}, "
            f"not {latents} (--latents)"
        )
    if decoder.latent_dim > 1 and breakpoints:
        raise LoadingError(
            f"{decoder.name}: breakpoints are points of a line, and f has {decoder.latent_dim} "
            "latents: leave them out"
        )
    if decoder.latent_dim > 1 and resolution is not None:
        raise LoadingError(
            f"{decoder.name}: f is scanned along a line, and it has {decoder.latent_dim} latents: "
            "leave --resolution out"
        )
    if breakpoints is not None:
        decoder = decoder.with_breakpoints(breakpoints)
    if resolution is not None:
        decoder = decoder.with_resolution(resolution)
    noise = own_noise if noise_variance is None else noise_variance
    if noise is None:
        raise LoadingError(
            f"{decoder.name}: no noise variance: give --noise-variance (noise_variance= in Python)"
        )
    return GenerativeModel(decoder, noise)


def _resolve(
    spec: str | GenerativeModel | Decoder,
    vectorize: bool,
    table_kind: str | None,
    latents: int | None,
) -> tuple[Decoder, ArrayLike | None]:
    """Find the decoder, and σ² where the specification carries it."""
    if isinstance(spec, GenerativeModel):
        return spec.decoder, spec.noise_variance
    if isinstance(spec, Decoder):
        return spec, None
    if not isinstance(spec, str):
        raise LoadingError(f"cannot make a model of {type(spec).__name__}: {_FORMS}")
    text = spec.strip()
    if text.startswith("expr:"):
        return parse_expression(text.removeprefix("expr:")).to_decoder(latents=latents), None
    if text.startswith("linear:"):
        raise LoadingError(
            f"{text}: only decompose, conditions, noise and optimum take linear: models, which "
            "have no decoder f of one latent"
        )
    if text.split(":")[0] in BENCHMARKS:
        model = benchmark(text)
        return model.decoder, model.noise_variance
    path, colon, name = text.rpartition(":")
    if colon and path.lower().endswith(".py"):
        return _from_python_file(Path(path), name, vectorize, latents)
    match Path(text).suffix.lower():
        case ".npz" | ".csv" | ".tsv" | ".txt" | ".dat":
            table = read_table(text, kind=table_kind)
            decoder = decoder_of_table(table, Path(text).stem)
            return decoder, table.noise_variance
        case ".pt" | ".pt2" | ".pth" | ".ckpt":
            return load_torch_file(text, latents=latents)
        case ending if ending in NOT_READ and Path(text).exists():
            raise LoadingError(f"{text}: {NOT_READ[ending]}")
        case ".py":
            return _from_python_file(Path(text), "", vectorize, latents)
    raise LoadingError(
        f"there is no model '{spec}': {_FORMS}; benchmarks: {nearest(text, BENCHMARKS)}"
    )


def _from_python_file(
    path: Path, name: str, vectorize: bool, latents: int | None
) -> tuple[Decoder, ArrayLike | None]:
    module = module_of_file(path)
    own = getattr(module, LATENTS_ATTRIBUTE, None)
    if own is not None and not (isinstance(own, int) and 1 <= own <= MOST_LATENTS):
        raise LoadingError(
            f"{path}: {LATENTS_ATTRIBUTE} must be a number of latents from 1 to {MOST_LATENTS}, "
            f"not {own!r}"
        )
    wanted = own if latents is None else latents
    noise: ArrayLike | None = getattr(module, NOISE_ATTRIBUTE, None)
    found = object_in(module, path, name)
    if isinstance(found, GenerativeModel):
        return found.decoder, found.noise_variance
    if isinstance(found, Decoder):
        return found, noise
    # A network can only be there if the file itself has imported PyTorch.
    torch: Any = sys.modules.get("torch")
    owner = getattr(found, "__self__", found)
    if torch is not None and isinstance(owner, torch.nn.Module):
        return from_torch_module(found, name=name, latents=wanted), noise
    if not callable(found):
        raise LoadingError(f"{path}: '{name}' is not a function but {type(found).__name__}")
    if isinstance(found, type):
        raise LoadingError(f"{path}: '{name}' is a class; give a function or an object made of it")
    return _from_function(found, name, vectorize, wanted), noise


def _from_function(
    function: Callable[..., Any], name: str, vectorize: bool, latents: int | None
) -> Decoder:
    """Wrap a user's function, and where it wants more latents than one say so."""
    try:
        return Decoder.from_function(
            function, latent_dim=latents or 1, name=name, vectorize=vectorize
        )
    except DecoderError as error:
        if latents is not None or vectorize:
            raise
        for count in range(2, MOST_LATENTS + 1):
            try:
                Decoder.from_function(function, latent_dim=count, name=name)
            except TheorycheckError:
                continue
            raise LoadingError(
                f"{name}: f takes latents of shape (n, {count}), not (n,): if it has {count} "
                f"latents, say --latents {count}, or {LATENTS_ATTRIBUTE} = {count} in the file"
            ) from error
        raise


def object_in_file(path: Path, name: str) -> Any:
    """Run a user's Python file and return what it calls `name`.

    Parameters
    ----------
    path : Path
        The Python file.
    name : str
        Name of the object in it; dots lead into objects.

    Returns
    -------
    object

    Raises
    ------
    LoadingError
        One line, if there is no such file or name, or running the file fails.
    """
    return object_in(module_of_file(path), path, name)


def object_in(module: ModuleType, path: Path, name: str) -> Any:
    """Return the object of that name, dots for its parts, or say which there are."""
    first, *parts = name.split(".")
    found = getattr(module, first, None) if first else None
    if found is None:
        offered = [key for key, value in vars(module).items() if _is_offered(module, value)]
        hint = nearest(first, offered) if offered else "it defines no function"
        what = f"has no function '{first}'" if first else "needs a function: file.py:function"
        raise LoadingError(f"{path}: {what}; {hint}")
    for index, part in enumerate(parts):
        whole = ".".join([first, *parts[:index]])
        inner = getattr(found, part, None)
        if inner is None:
            known = _parts_of(found)
            hint = nearest(part, known) if known else "it has no parts"
            raise LoadingError(
                f"{path}: '{whole}' ({type(found).__name__}) has no '{part}'; {hint}"
            )
        found = inner
    return found


def _parts_of(found: object) -> list[str]:
    """Name what can be reached in an object by a dot: the parts of a network first."""
    children = getattr(found, "named_children", None)
    if callable(children):
        return [name for name, _ in children()]
    return (
        [key for key in vars(found) if not key.startswith("_")]
        if hasattr(found, "__dict__")
        else []
    )


def _is_offered(module: ModuleType, value: object) -> bool:
    """Tell whether a value of the user's file could be meant: its own, not an imported one."""
    if isinstance(value, Decoder | GenerativeModel):
        return True
    own = getattr(value, "__module__", None) == module.__name__
    network = not isinstance(value, type) and hasattr(value, "state_dict")
    return callable(value) and not isinstance(value, type) and (own or network)


def module_of_file(path: Path) -> ModuleType:
    """Run a user's file as a module of a name of its own."""
    if not path.is_file():
        raise LoadingError(f"{path}: no such file")
    label = f"theorycheck_user_{next(_counter)}_{path.stem}"
    spec = importlib.util.spec_from_file_location(label, path)
    if spec is None or spec.loader is None:
        raise LoadingError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickling look a module up by its name.
    sys.modules[label] = module
    try:
        with _importable(path.resolve().parent):
            spec.loader.exec_module(module)
    except TheorycheckError:
        del sys.modules[label]
        raise
    except (Exception, SystemExit) as error:
        del sys.modules[label]
        first = (str(error).strip().splitlines() or [""])[0]
        raise LoadingError(f"{path}: running it raised {type(error).__name__}: {first}") from error
    return module


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let a user's file import its neighbours, as it can when it is run by itself."""
    entry = str(folder)
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        if entry in sys.path:
            sys.path.remove(entry)
