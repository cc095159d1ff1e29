"""The paper's four guidelines (section 6), each decided by what was measured on a table.

A verdict says whether the guideline is worth following here: holds, fails, inconclusive.
"""

from __future__ import annotations

from dataclasses import dataclass

from theorycheck.advise._fits import FitComparison
from theorycheck.advise._meeting import Strands
from theorycheck.advise._shape import Shape
from theorycheck.advise._strands import MULTIPLE, REACH
from theorycheck.estimate import Estimate, Kind, Verdict, positive
from theorycheck.ruling import Ruling

#: Nats a row below which a difference of held-out log p is not worth another family of q.
NEGLIGIBLE = 0.01
#: |log σ²(ELBO)/σ²| below which another estimate is not worth it.
NEGLIGIBLE_BIAS = 0.15


_EXAMPLES = {
    "figure8": "Figure-8",
    "circle": "Circle",
    "clusters": "Clusters",
    "absolute_value": "Absolute Value",
}


@dataclass(frozen=True)
class Guideline:
    """A guideline, and whether the data say that it is worth following.

    Parameters
    ----------
    number : int
        1 to 4, in the paper's order.
    title : str
    ruling : Ruling
        The verdict, and the kind of the numbers that it rests on.
    advice : str
        What to do, a sentence.
    evidence : str
        What was measured, a sentence.
    numbers : dict of str to Estimate
        The same as numbers.
    command : str
        The command that follows it up.
    """

    number: int
    title: str
    ruling: Ruling
    advice: str
    evidence: str
    numbers: dict[str, Estimate]
    command: str

    def to_dict(self) -> dict[str, object]:
        """Return all of it for JSON."""
        return {
            "number": self.number,
            "title": self.title,
            **self.ruling.to_dict(),
            "advice": self.advice,
            "evidence": self.evidence,
            "numbers": {name: value.to_dict_or_null() for name, value in self.numbers.items()},
            "command": self.command,
        }


def beyond(value: Estimate, negligible: float) -> Verdict:
    """Judge whether a number is above 0, or too small to matter.

    Parameters
    ----------
    value : Estimate
    negligible : float
        Not negative.

    Returns
    -------
    Verdict
        HOLDS if the whole interval is positive, FAILS if all of it is below `negligible`.
    """
    found = positive(value)
    if found is Verdict.HOLDS or value.upper < negligible:
        return found if found is Verdict.HOLDS else Verdict.FAILS
    return Verdict.INCONCLUSIVE


def noise_guideline(fits: FitComparison) -> Guideline:
    """Decide guideline 1: set σ² by an unbiased estimate.

    Parameters
    ----------
    fits : FitComparison

    Returns
    -------
    Guideline
    """
    ratio = fits.log_noise_ratio
    numbers = {name: fits.noise_variance(name) for name in ("exact_likelihood", "elbo")} | {
        "log_ratio": ratio
    }
    tolerance = Estimate(NEGLIGIBLE_BIAS, 0.0, Kind.EXACT)
    # Beyond the tolerance to either side; fails if within it on both.
    verdict = positive(ratio - tolerance) | positive(ratio.scaled(-1.0) - tolerance)
    direction = "larger" if ratio.value > 0.0 else "smaller"
    held = f"Hold σ² at {numbers['exact_likelihood'].value:.3g} (standardised columns)"
    advice = {
        Verdict.HOLDS: f"{held}: the ELBO fits a {direction} one.",
        Verdict.FAILS: "Let the ELBO fit σ²: its estimate agrees with the likelihood's here.",
        Verdict.INCONCLUSIVE: f"{held}, or fit it: whether the ELBO's is biased here cannot be "
        "told from these rows.",
    }[verdict]
    return Guideline(
        number=1,
        title="set σ² by an unbiased estimate",
        ruling=Ruling.of(verdict, [ratio]),
        advice=advice,
        evidence="σ² by the exact likelihood, between training and test rows, is "
        f"{numbers['exact_likelihood']}, by the ELBO {numbers['elbo']}; the mean of the log of "
        f"their ratio is {ratio}. A fit that follows the rows makes σ² smaller as well, not only "
        "q.",
        numbers=numbers,
        command="theorycheck noise exact_likelihood.csv --noise-variance "
        f"{numbers['exact_likelihood'].value:.4g} --search none",
    )


def family_guideline(fits: FitComparison, shape: Shape, strands: Strands) -> Guideline:
    """Decide guideline 2: look at the shape of the data before choosing the family of q.

    Parameters
    ----------
    fits : FitComparison
    shape : Shape
    strands : Strands

    Returns
    -------
    Guideline
    """
    gap = fits.mleo_gap
    verdict = beyond(gap, NEGLIGIBLE)
    advice = {
        Verdict.HOLDS: "Take a richer q(z|x) than a Gaussian, such as IWAE's with several samples: "
        "on these rows the best decoder for a Gaussian q explains held-out rows worse.",
        Verdict.FAILS: "Keep a Gaussian q(z|x): the best decoder for it explains held-out rows as "
        "well as any that was found.",
        Verdict.INCONCLUSIVE: "Compare a Gaussian q(z|x) with a richer one on held-out rows: "
        "whether a Gaussian costs anything here cannot be told from these fits.",
    }[verdict]
    return Guideline(
        number=2,
        title="look at the shape of the data before choosing the family of q",
        ruling=Ruling.of(verdict, [gap]),
        advice=advice,
        evidence="The exact likelihood's optimum has a held-out log p above the ELBO's, at the "
        f"same bound on |f'| and σ², by {gap} nats a row. {_shape_words(shape)} "
        f"Along the fitted curve {strands.on_curve} of p(z) has a partner within {REACH:g}σ that "
        f"is farther than {REACH * MULTIPLE:g}σ.",
        numbers={"mleo_gap": gap},
        command="theorycheck decompose elbo.csv --data exact_likelihood.csv --noise-variance "
        f"{fits.noise_variance('exact_likelihood').value:.4g}",
    )


def _shape_words(shape: Shape) -> str:
    """Say which of the paper's examples the rows are like."""
    verdicts = shape.like.by_example
    like = [_EXAMPLES[name] for name in verdicts if verdicts[name] is Verdict.HOLDS]
    if like:
        return f"The rows are like {' and '.join(like)}."
    if shape.like.none_of_these is Verdict.HOLDS:
        return "The rows are like none of the paper's examples."
    open_to = [_EXAMPLES[name] for name in verdicts if verdicts[name] is Verdict.INCONCLUSIVE]
    return f"Whether the rows are like {' or '.join(open_to)} cannot be told from them."


def regularisation_guideline(fits: FitComparison) -> Guideline:
    """Decide guideline 3: regularise the decoder where q is rich.

    Parameters
    ----------
    fits : FitComparison

    Returns
    -------
    Guideline
    """
    lost = fits.difference("exact_likelihood", "unregularised")
    verdict = beyond(lost, NEGLIGIBLE)
    bounds = sorted(split.steepness for split in fits.splits)
    middle = bounds[len(bounds) // 2]
    advice = {
        Verdict.HOLDS: "Regularise the decoder if q is rich, and stop by held-out log p: cross-"
        f"validation bounds |f'| by {middle:.3g} and holds σ².",
        Verdict.FAILS: "A rich q needs no regularised decoder on these rows.",
        Verdict.INCONCLUSIVE: "Watch held-out log p if q is rich: whether the decoder must be "
        "regularised cannot be told from these rows.",
    }[verdict]
    return Guideline(
        number=3,
        title="regularise the decoder where q is rich",
        ruling=Ruling.of(verdict, [lost]),
        advice=advice,
        evidence="With the exact posterior as q, a loose bound on |f'| and a fitted σ² lose "
        f"{lost} nats a row on held-out rows against a bound and a σ² that were cross-validated.",
        numbers={"regularised_minus_loose": lost},
        command="theorycheck optimum exact_likelihood.csv --noise-variance "
        f"{fits.noise_variance('exact_likelihood').value:.4g} --steepness {middle:.3g}",
    )


def label_guideline(accuracy: Estimate | None, chance: float, labelled_share: float) -> Guideline:
    """Decide guideline 4: take a rich q(z|x) in the semi-supervised bound where y is hard to tell.

    Parameters
    ----------
    accuracy : Estimate or None
        Balanced accuracy of logistic regression on held-out rows; None without a label.
    chance : float
        1 over the number of classes.
    labelled_share : float
        Share of the rows with a label.

    Returns
    -------
    Guideline
    """
    title = "take a rich q(z|x) in the semi-supervised bound where y is hard to predict from x"
    command = "theorycheck labels --help"
    if accuracy is None:
        return Guideline(
            number=4,
            title=title,
            ruling=Ruling(Verdict.INCONCLUSIVE, None),
            advice="Name the label with --label to have this looked at.",
            evidence="There is no label.",
            numbers={},
            command=command,
        )
    half = Estimate(0.5 * (1.0 + chance), 0.0, Kind.EXACT)
    margin = half - accuracy
    verdict = positive(margin)
    advice = {
        Verdict.HOLDS: "Take a rich q(z|x) in a semi-supervised model of these rows, and compare "
        "p(x|y) with and without: y is hard to predict from x.",
        Verdict.FAILS: "A simple q(z|x) may do in a semi-supervised model: y is easy to predict "
        "from x.",
        Verdict.INCONCLUSIVE: "Compare a simple with a rich q(z|x) in a semi-supervised model: "
        "whether y is hard to predict from x cannot be told from these splits.",
    }[verdict]
    return Guideline(
        number=4,
        title=title,
        ruling=Ruling.of(verdict, [margin]),
        advice=advice,
        evidence=f"Logistic regression on {labelled_share:.0%} of the labels has a balanced "
        f"accuracy of {accuracy} on held-out rows; chance is {chance:.3g}, and hard means below "
        f"{half.value:.3g}, halfway to 1.",
        numbers={"balanced_accuracy": accuracy, "margin": margin},
        command=command,
    )
