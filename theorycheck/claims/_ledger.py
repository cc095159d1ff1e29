"""Lists the claims of the paper, checked or not, so that their table shows what is missing too."""

from __future__ import annotations

from typing import NamedTuple


class Claim(NamedTuple):
    """States a claim of the paper.

    Parameters
    ----------
    number : str
        ``"C01"`` to ``"C24"``.
    where : str
        Equation, theorem, figure or section.
    text : str
        The claim.
    kind : str
        =: tight; ≥ or ≤: one-sided; ∃: needs a witness; ∀: over a stated class.
    """

    number: str
    where: str
    text: str
    kind: str


#: Every claim, in the order of the paper.
CLAIMS = (
    Claim("C01", "eq. 3", "−ELBO = H + MLEO + PMO", "="),
    Claim("C02", "eq. 6", "PMO = Pr[X_Lo] D_Lo + Pr[X_Hi] D_Hi for every η", "="),
    Claim(
        "C03",
        "Theorem 1",
        "the proof as given carries Theorem 1 for an arbitrary class F of decoders (for an "
        "expressive F, as the paper assumes, the theorem is open)",
        "proof, ∃",
    ),
    Claim(
        "C04",
        "4.2",
        "Figure-8: p(x) is high near (0,0), true posteriors there are multi-modal; the premise "
        "of condition (1), Pr[X_Hi] D_Hi > Pr[X_Lo] D_Lo, holds for some η",
        "∃ η",
    ),
    Claim("C05", "4.2", "Figure-8: some f meets condition (1), at an η with the premise", "∃ f, η"),
    Claim(
        "C06",
        "4.2",
        "Figure-8: every continuous re-parametrisation of the curve has high PMO: condition (2)",
        "∀ stated class",
    ),
    Claim(
        "C07",
        "4.2 (A)",
        "Figure-8: at the ELBO optimum MLEO > 0, and posteriors are simpler than the ground "
        "truth's where p(x) is high",
        "≥",
    ),
    Claim(
        "C08",
        "4.2 (B)",
        "Figure-8: IWAE learns p(x) better than LIN, LIN better than VAE; IWAE with S = 20 still "
        "not perfectly",
        "≥",
    ),
    Claim("C09", "4.2 (C)", "LIN does not repair it: it shares the VAE's optimum", "="),
    Claim(
        "C10",
        "4.2, figure 1",
        "Circle: few x have non-Gaussian posteriors; the VAE recovers p(x) from random and from "
        "ground-truth starts, as well as IWAE",
        "≤",
    ),
    Claim(
        "C11",
        "4.2",
        "Absolute-Value: complex posteriors on most of p(x); another f has the same p(x) and "
        "simple posteriors, and is what the ELBO selects from either start",
        "∃, ≤",
    ),
    Claim(
        "C12",
        "figure 1c",
        "Clusters: both conditions hold, at one η; the VAE learns p(x) poorly, IWAE better",
        "≥",
    ),
    Claim("C13", "Theorem 2", "the σ² that minimises −ELBO given θ, φ", "="),
    Claim(
        "C14",
        "Theorem 2",
        "even at the ground truth f, σ² is biased when q is not the posterior; unbiased when it is",
        "≥, =",
    ),
    Claim(
        "C15",
        "4.2",
        "Spiral Dots: refit σ² = 0.014 ± 0.001, joint σ² = 0.020 ± 0.003 against 0.01",
        "= (networks)",
    ),
    Claim(
        "C16",
        "4.1 remark",
        "objectives with mean-field q exist that estimate θ, σ² without this bias",
        "∃",
    ),
    Claim(
        "C17",
        "5.1",
        "Disentanglement: the ELBO can prefer an entangled representation with the same p(x)",
        "∃",
    ),
    Claim(
        "C18",
        "5.1",
        "Compression: with larger K the ELBO improves, informativeness per latent falls, "
        "posteriors get simpler (two data sets); LIN too, IWAE not",
        "≥",
    ),
    Claim(
        "C19",
        "5.1",
        "Adversarial: manifold defences fail with the σ² and K that the ELBO selects",
        "≥",
    ),
    Claim(
        "C20",
        "5.2",
        "Discrete Semi-Circle: functional collapse for VAE and LIN; IWAE learns two functions but "
        "overfits; γ trades p(x) against p(x|y)",
        "≥",
    ),
    Claim(
        "C21",
        "5.2",
        "Continuous Semi-Circle: a naive q(y|x) causes collapse even in IWAE",
        "≥",
    ),
    Claim(
        "C22",
        "5.2",
        "Debrecen, Contraceptive, Titanic with 10 % labels: the same trade-off; IWAE no better "
        "than VAE",
        "≥",
    ),
    Claim(
        "C23",
        "6",
        "Figure-8-like: Euclidean distance below geodesic distance and within 2σ; Clusters-like: "
        "modes; as tests on data",
        "∃",
    ),
    Claim("C24", "6", "the four guidelines, as advice computed from a user's data", "–"),
)
