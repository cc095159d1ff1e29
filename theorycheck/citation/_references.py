"""Lists the literature that this project uses, for the bibliography and for ``cite``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """Describes one entry of the bibliography.

    Parameters
    ----------
    key : str
        BibTeX's.
    kind : str
        BibTeX's type of entry.
    authors : str
        Separated by ``" and "``, as BibTeX has them.
    title : str
        Title, as BibTeX has it.
    year : int
        Year of publication.
    where : str
        Journal, conference or archive, for a reader.
    fields : tuple of (str, str)
        The rest of the BibTeX entry.
    used_for : str
        The part of this project that rests on it.
    used_by : frozenset of str
        The parts of a run that it belongs to, see :func:`theorycheck.citation.parts_of`.
    """

    key: str
    kind: str
    authors: str
    title: str
    year: int
    where: str
    fields: tuple[tuple[str, str], ...]
    used_for: str
    used_by: frozenset[str]

    def bibtex(self) -> str:
        """Return the BibTeX entry."""
        fields = (
            ("author", self.authors),
            ("title", f"{{{self.title}}}"),
            ("year", str(self.year)),
            *self.fields,
        )
        lines = [f"  {name} = {{{value}}}," for name, value in fields]
        return "\n".join([f"@{self.kind}{{{self.key},", *lines, "}"]) + "\n"


def _arxiv(number: str) -> tuple[tuple[str, str], ...]:
    return (("eprint", number), ("archivePrefix", "arXiv"))


def _conference(name: str, number: str = "") -> tuple[tuple[str, str], ...]:
    return (("booktitle", name), *(_arxiv(number) if number else ()))


_ICLR = "International Conference on Learning Representations"

#: In the order of the bibliography. Volumes, pages and arXiv numbers were compared with the
#: reference lists of other projects that cite the same works.
REFERENCES = (
    Reference(
        "yacoby2020failure",
        "misc",
        "Yacoby, Yaniv and Pan, Weiwei and Doshi-Velez, Finale",
        "Failure Modes of Variational Autoencoders and Their Effects on Downstream Tasks",
        2020,
        "arXiv:2007.07124.",
        _arxiv("2007.07124"),
        "The paper whose claims are checked; notation, Theorems 1 and 2, the benchmarks' shapes.",
        frozenset({"theory"}),
    ),
    Reference(
        "kingma2014auto",
        "inproceedings",
        "Kingma, Diederik P. and Welling, Max",
        "Auto-Encoding Variational Bayes",
        2014,
        "ICLR 2014; arXiv:1312.6114.",
        _conference(_ICLR, "1312.6114"),
        "The variational autoencoder and its objective.",
        frozenset({"theory"}),
    ),
    Reference(
        "burda2016importance",
        "inproceedings",
        "Burda, Yuri and Grosse, Roger and Salakhutdinov, Ruslan",
        "Importance Weighted Autoencoders",
        2016,
        "ICLR 2016; arXiv:1509.00519.",
        _conference(_ICLR, "1509.00519"),
        "The IWAE bound L_S, computed here without sampling; training with method iwae.",
        frozenset({"iwae"}),
    ),
    Reference(
        "he2019lagging",
        "inproceedings",
        "He, Junxian and Spokoyny, Daniel and Neubig, Graham and Berg-Kirkpatrick, Taylor",
        "Lagging Inference Networks and Posterior Collapse in Variational Autoencoders",
        2019,
        "ICLR 2019; arXiv:1901.05534.",
        _conference(_ICLR, "1901.05534"),
        "Training with method lin: more encoder steps while the encoder lags.",
        frozenset({"lin"}),
    ),
    Reference(
        "cremer2018inference",
        "inproceedings",
        "Cremer, Chris and Li, Xuechen and Duvenaud, David",
        "Inference Suboptimality in Variational Autoencoders",
        2018,
        "ICML 2018; arXiv:1801.03558.",
        _conference("International Conference on Machine Learning", "1801.03558"),
        "The amortisation gap: what a network's own encoder loses against the optimal q.",
        frozenset({"train", "judge"}),
    ),
    Reference(
        "tucker2019doubly",
        "inproceedings",
        "Tucker, George and Lawson, Dieterich and Gu, Shixiang and Maddison, Chris J.",
        "Doubly Reparameterized Gradient Estimators for Monte Carlo Objectives",
        2019,
        "ICLR 2019; arXiv:1810.04152.",
        _conference(_ICLR, "1810.04152"),
        "The encoder's gradient of iwae with estimator dreg.",
        frozenset({"dreg"}),
    ),
    Reference(
        "bornschein2015reweighted",
        "inproceedings",
        'Bornschein, J{\\"o}rg and Bengio, Yoshua',
        "Reweighted Wake-Sleep",
        2015,
        "ICLR 2015; arXiv:1406.2751.",
        _conference(_ICLR, "1406.2751"),
        "The encoder's gradient of iwae with estimator rws.",
        frozenset({"rws"}),
    ),
    Reference(
        "finke2019importance",
        "misc",
        "Finke, Axel and Thiery, Alexandre H.",
        "On importance-weighted autoencoders",
        2019,
        "arXiv:1907.10477.",
        _arxiv("1907.10477"),
        "Why the encoder may have an objective of its own (claim C16).",
        frozenset({"rws"}),
    ),
    Reference(
        "kingma2014semi",
        "inproceedings",
        "Kingma, Diederik P. and Rezende, Danilo J. and Mohamed, Shakir and Welling, Max",
        "Semi-supervised Learning with Deep Generative Models",
        2014,
        "NIPS 2014; arXiv:1406.5298.",
        _conference("Advances in Neural Information Processing Systems", "1406.5298"),
        "The semi-supervised model M2 behind the two semi-circle benchmarks.",
        frozenset({"semi_supervised"}),
    ),
    Reference(
        "kingma2015adam",
        "inproceedings",
        "Kingma, Diederik P. and Ba, Jimmy",
        "Adam: A Method for Stochastic Optimization",
        2015,
        "ICLR 2015; arXiv:1412.6980.",
        _conference(_ICLR, "1412.6980"),
        "The optimiser of all networks.",
        frozenset({"train"}),
    ),
    Reference(
        "varadhan2008simple",
        "article",
        "Varadhan, Ravi and Roland, Christophe",
        "Simple and Globally Convergent Methods for Accelerating the Convergence of Any EM "
        "Algorithm",
        2008,
        "Scandinavian Journal of Statistics 35, 335–353.",
        (
            ("journal", "Scandinavian Journal of Statistics"),
            ("volume", "35"),
            ("number", "2"),
            ("pages", "335--353"),
        ),
        "SQUAREM, the extrapolation of the coordinate ascent on function space.",
        frozenset({"optimum"}),
    ),
    Reference(
        "lindsay1983geometry",
        "article",
        "Lindsay, Bruce G.",
        "The Geometry of Mixture Likelihoods: A General Theory",
        1983,
        "The Annals of Statistics 11, 86–94.",
        (
            ("journal", "The Annals of Statistics"),
            ("volume", "11"),
            ("number", "1"),
            ("pages", "86--94"),
        ),
        "The lower bound on J*(σ²) for every decoder: the dual of the nonparametric likelihood.",
        frozenset({"noise"}),
    ),
    Reference(
        "trefethen2014exponentially",
        "article",
        "Trefethen, Lloyd N. and Weideman, J. A. C.",
        "The Exponentially Convergent Trapezoidal Rule",
        2014,
        "SIAM Review 56, 385–458.",
        (
            ("journal", "SIAM Review"),
            ("volume", "56"),
            ("number", "3"),
            ("pages", "385--458"),
        ),
        "Why a plain grid over x is enough for H and MLEO.",
        frozenset({"quadrature"}),
    ),
    Reference(
        "johansson2017arb",
        "article",
        "Johansson, Fredrik",
        "Arb: Efficient Arbitrary-Precision Midpoint-Radius Interval Arithmetic",
        2017,
        "IEEE Transactions on Computers 66, 1281–1292.",
        (
            ("journal", "IEEE Transactions on Computers"),
            ("volume", "66"),
            ("number", "8"),
            ("pages", "1281--1292"),
        ),
        "The ball arithmetic of the extra rigorous.",
        frozenset({"rigorous"}),
    ),
    Reference(
        "hadamard1893resolution",
        "article",
        "Hadamard, Jacques",
        "R{\\'e}solution d'une question relative aux d{\\'e}terminants",
        1893,
        "Bulletin des sciences mathématiques 17, 240–246.",
        (
            ("journal", "Bulletin des sciences math{\\'e}matiques"),
            ("volume", "17"),
            ("pages", "240--246"),
        ),
        "The inequality that says what a mean-field q costs a linear decoder.",
        frozenset({"prove"}),
    ),
    Reference(
        "meurer2017sympy",
        "article",
        "Meurer, Aaron and Smith, Christopher P. and Paprocki, Mateusz and others",
        "SymPy: Symbolic Computing in Python",
        2017,
        "PeerJ Computer Science 3, e103.",
        (("journal", "PeerJ Computer Science"), ("volume", "3"), ("pages", "e103")),
        "Checks the steps of the proofs.",
        frozenset({"prove"}),
    ),
    Reference(
        "demoura2008z3",
        "inproceedings",
        "de Moura, Leonardo and Bj{\\o}rner, Nikolaj",
        "Z3: An Efficient SMT Solver",
        2008,
        "TACAS 2008.",
        _conference("Tools and Algorithms for the Construction and Analysis of Systems"),
        "The second prover: finds the counterexample to Theorem 1, and none to its repair.",
        frozenset({"prove"}),
    ),
)
