"""Writes the formulas of a step as LaTeX and as text for a terminal."""

from __future__ import annotations

import re

import sympy as sp

from proofs.derivation import Claim, Expr, Step
from proofs.solver import Entailment, Prenex, Sentence

_RELATIONS = {"=": "=", "≥": r"\geq", ">": ">"}
_RELATION = {"=": sp.Eq, "≥": sp.Ge, ">": sp.Gt}
_QUANTIFIERS = {"∀": r"\forall", "∃": r"\exists"}
#: Characters of LaTeX above which a formula takes a line for each side.
_LONG = 110
#: What stands in prose, and its LaTeX. Superscripts and the like are kept as one symbol.
_PROSE = {
    "−": "-", "½": r"\tfrac12", "²": "^2", "³": "^3", "⁴": "^4", "⁻¹": "^{-1}", "ᵀ": r"^\top",
    "¾": r"\tfrac34", "″": "''", "∘": r"\circ", "⊥": r"\perp", "ψ": r"\psi",
    "′": "'", "≤": r"\leq", "≥": r"\geq", "≠": r"\neq", "∞": r"\infty", "∈": r"\in",
    "√": r"\sqrt{}", "∂": r"\partial", "∫": r"\int", "Σ": r"\sum", "→": r"\to", "⟹": r"\Rightarrow",
    "∝": r"\propto", "×": r"\times", "‖": r"\Vert", "·": r"\cdot", "°": r"^\circ", "…": r"\ldots",
    "α": r"\alpha", "δ": r"\delta", "ε": r"\varepsilon", "η": r"\eta", "θ": r"\theta",
    "κ": r"\kappa", "λ": r"\lambda", "μ": r"\mu", "π": r"\pi", "ρ": r"\rho", "σ": r"\sigma",
    "γ": r"\gamma", "ℓ": r"\ell", "τ": r"\tau",
    "φ": r"\varphi", "χ": r"\chi", "Δ": r"\Delta", "Λ": r"\Lambda", "Φ": r"\Phi",
}  # fmt: skip

#: A subscript or superscript in prose: one word, or what is in braces.
_SCRIPT = re.compile(r"([_^])(\{[^}]*\}|[A-Za-z0-9α-ωΑ-Ω∞]+)")


def formula_latex(step: Step) -> str:
    """Return a step's formula as LaTeX for a display.

    Parameters
    ----------
    step : Step

    Returns
    -------
    str
    """
    if isinstance(step, Claim):
        left, right = sp.latex(step.lhs), sp.latex(step.rhs)
        sign = _RELATIONS[step.relation]
        if len(left) + len(right) <= _LONG:
            return f"{left} {sign} {right}"
        return rf"\begin{{aligned}} & {left} \\ & \quad {sign} {right} \end{{aligned}}"
    if isinstance(step, Entailment):
        premises = r", \\ & ".join(_sentence_latex(p) for p in step.premises)
        sign = r"\models" if step.holds_always else r"\not\models"
        conclusion = _sentence_latex(step.conclusion)
        return rf"\begin{{aligned}} & {premises} \\ & \quad {sign} {conclusion} \end{{aligned}}"
    raise TypeError(f"no LaTeX for {type(step).__name__}")


def _sentence_latex(sentence: Sentence) -> str:
    if not isinstance(sentence, Prenex):
        return str(sp.latex(sentence))
    prefix = " ".join(rf"{_QUANTIFIERS[kind]} {symbol}" for kind, symbol in sentence.quantifiers)
    return rf"{prefix}:\ {sp.latex(sentence.body)}"


def formula_text(step: Step, width: int) -> str:
    """Return a step's formula drawn with characters, lines of at most `width`.

    Parameters
    ----------
    step : Step
    width : int

    Returns
    -------
    str
    """
    if isinstance(step, Claim):
        whole = _drawn(_RELATION[step.relation](step.lhs, step.rhs, evaluate=False))
        if max(map(len, whole.splitlines())) <= width:
            return whole
        return "\n".join([_drawn(step.lhs, width), step.relation, _drawn(step.rhs, width)])
    if isinstance(step, Entailment):
        sign = "⊨" if step.holds_always else "⊭"
        lines = [_sentence_text(p) for p in step.premises]
        lines.append(f"{sign}  {_sentence_text(step.conclusion)}")
        found = step.counterexample
        if found:
            numbers = ", ".join(f"{s} = {v}" for s, v in sorted(found.items(), key=str))
            lines.append(f"counterexample: {numbers}")
        return "\n".join(lines)
    raise TypeError(f"no text for {type(step).__name__}")


def _sentence_text(sentence: Sentence) -> str:
    body = sentence.body if isinstance(sentence, Prenex) else sentence
    text = str(sp.pretty(body, use_unicode=True, wrap_line=False))
    if "\n" in text:  # on one line instead
        text = str(body)
    if isinstance(sentence, Prenex):
        prefix = " ".join(f"{kind}{symbol}" for kind, symbol in sentence.quantifiers)
        return f"{prefix}: {text}"
    return text


def _drawn(expr: Expr, width: int | None = None) -> str:
    """Draw an expression; where a width is given, in lines of that width."""
    if width is None:
        return str(sp.pretty(expr, use_unicode=True, wrap_line=False))
    return str(sp.pretty(expr, use_unicode=True, num_columns=max(width, 40)))


def prose_latex(text: str) -> str:
    """Return prose with its symbols as LaTeX mathematics.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    text = re.sub(r"([%&#$])", r"\\\1", text)
    text = _SCRIPT.sub(_script, text)
    for symbol, code in _PROSE.items():
        text = text.replace(symbol, f"\\ensuremath{{{code}}}")
    return text


def _script(match: re.Match[str]) -> str:
    """Return a subscript or superscript of prose; what is in it is mathematics already."""
    inner = match[2].removeprefix("{").removesuffix("}")
    for symbol, code in _PROSE.items():
        inner = inner.replace(symbol, f"{code} ")
    if match[1] == "_" and inner.isalpha():
        inner = rf"\mathrm{{{inner}}}"
    return rf"\ensuremath{{{match[1]}{{{inner.strip()}}}}}"
