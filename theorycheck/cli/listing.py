"""Runs ``theorycheck list``: the benchmarks, and the ways to name a model."""

from __future__ import annotations

import inspect

from theorycheck.cli.options import AsJson

#: Form, example, what it is.
FORMS = (
    ("benchmark", "circle", "a name of the table above"),
    ("Python file", "mine.py:f", "a function of z, a Decoder, a GenerativeModel or a torch module"),
    ("part of a network", "mine.py:vae.decoder", "the decoder of a whole VAE, by dots"),
    ("expression", "expr:[cos(z), sin(z)]", "parsed, never run"),
    ("table", "mine.csv, mine.txt, mine.npz", "z and f(z); linear, cubic or cells"),
    ("network", "mine.pt2", "what torch.export.save wrote"),
)


def list_models(as_json: AsJson = False) -> None:
    """List what MODEL can be."""
    from theorycheck.cli.render import console, print_json, say, table
    from theorycheck.models import BENCHMARKS

    if as_json:
        benchmarks = [
            {
                "name": entry.name,
                "formula": entry.formula,
                "definition": _definition(entry.function),
                "noise_variance": entry.noise_variance,
                "breakpoints": entry.breakpoints,
                "summary": entry.summary,
                "semi_supervised": entry.semi_supervised,
            }
            for entry in BENCHMARKS.values()
        ]
        models = [{"form": a, "example": b, "meaning": c} for a, b, c in FORMS]
        print_json({"benchmarks": benchmarks, "models": models}, "list")
        return
    out = console()
    rows = [
        (
            f"{entry.name}:y=1" if entry.semi_supervised else entry.name,
            f"{entry.noise_variance:g}",
            _definition(entry.function),
        )
        for entry in BENCHMARKS.values()
    ]
    benchmark_table = table("Benchmarks", ("name", "σ²", "f(z)"), rows)
    # Formulas are long: let them wrap, and rule the rows off.
    benchmark_table.columns[2].no_wrap = False
    benchmark_table.show_lines = True
    out.print(benchmark_table)
    forms = table("MODEL can be", ("form", "example", "what it is"), FORMS)
    forms.columns[2].no_wrap = False
    out.print(forms)
    say(out, "Models without a σ² of their own need --noise-variance.")


def _definition(function: object) -> str:
    """Return the docstring of a benchmark's function, which is its formula, on one line."""
    return " ".join((inspect.getdoc(function) or "").split())
