"""C23: Figure-8-like and Clusters-like data can be told from others by tests on the rows.

Setting: draws of 13 known laws, standardised: the five benchmarks, the two semi-circles without
their labels, and six controls (a Gaussian, a line with noise, an S, two far blobs, a uniform
square, noise alone): theorycheck.advise.KNOWN_TABLES.
Statement: section 6 of the paper: data are Figure-8-like where points within 2σ of each other are
far apart along the manifold, and Clusters-like where they lie in modes.
Kind: ∃: there are tests on the rows that tell.
Reference: section 6; the rules are those of theorycheck/advise/_likeness.py: two holes of the log
density that are no gaps between clusters (superlevel persistence), and two modes or more (ToMATo),
each by an interval over random parts of the rows.
Measured: right, wrong and inconclusive calls on draws of 2,000 rows; an interval that covers its
threshold is inconclusive, and no wrong call. Right answers: Figure-8-like is Figure-8 alone;
Clusters-like are Clusters, Spiral Dots and the two blobs, and the discrete semi-circle, whose
density has a second mode of 0.49 nats, is not counted.
Protocol: six draws of each law, seeds 2000 to 2005; --thorough: 100, seeds 3000 to 3099. The
thresholds were set with other seeds in sight (0 to 2, 1000 to 1099, 5000 to 5002), and changed once
after a first version had called the S-curve Figure-8-like; docs/advise.md has the rates of seeds
6000 to 6099, none of which was known when this rule was made. After a first run of this file two
of the rules were made more cautious, in more than two columns alone (the plane's share of the
variance, a kernel's company): eleven right calls became inconclusive, and no verdict
changed.
Verdict rule, for each of the two questions: verified if the 95 % interval (Clopper and Pearson) of
the share of wrong calls, all laws together, is below 1/20, refuted if it is above, and half or more
of the draws of the law that gives its name are called right; else inconclusive.

The paper's condition itself, on the decoder: Figure-8 has points within 2σ of each other which are
farther than 4σ along its curve. It is no test on rows, for it needs f. Rule: verified if such
points have more than 1/20 of p(z), beyond the change when the nodes are doubled, refuted if less.
The shares of the other benchmarks are given beside it: the paper does not say that they are small.
Shares near those printed were known when this rule was made (Figure-8 0.19, Circle 0.06, Absolute
Value 0.94, Clusters 1, Spiral Dots 0).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import ndtri

from theorycheck.advise import KNOWN_TABLES, CallRate, call_rates, share_on_curve
from theorycheck.claims import ClaimVerdict, Evidence, claim_verdict
from theorycheck.cohorts import share_of
from theorycheck.estimate import Estimate, Kind, Verdict, positive
from theorycheck.models import benchmark

_ROWS = 2_000
_WRONG = Estimate(0.05, 0.0, Kind.EXACT)
_NAMES = {"figure8": "Figure-8-like", "clusters": "Clusters-like"}
_NODES = 2_000


@pytest.fixture(scope="module")
def rates(request: pytest.FixtureRequest) -> tuple[list[CallRate], str]:
    thorough = request.config.getoption("thorough")
    seeds = range(3000, 3100) if thorough else range(2000, 2006)
    found = [one for name in KNOWN_TABLES for one in call_rates(name, rows=_ROWS, seeds=seeds)]
    return found, f"{len(seeds)} draws of each of {len(KNOWN_TABLES)} laws, {_ROWS:,} rows each"


@pytest.mark.parametrize("question", list(_NAMES))
def test_the_rows_tell(
    question: str,
    rates: tuple[list[CallRate], str],
    evidence: Callable[[Evidence], Evidence],
) -> None:
    found = [one for one in rates[0] if one.question == question]
    wrong, right, undecided = (
        sum(getattr(one, kind) for one in found) for kind in ("wrong", "right", "inconclusive")
    )
    share = share_of(wrong, wrong + right + undecided)
    own = next(one for one in found if one.table == question)
    detected = share_of(own.right, own.right + own.wrong + own.inconclusive)
    verdict = claim_verdict(positive(_WRONG - share))
    if verdict is ClaimVerdict.VERIFIED and detected.value < 0.5:
        verdict = ClaimVerdict.INCONCLUSIVE
    worst = max(found, key=lambda one: one.wrong)
    evidence(
        Evidence(
            claim="C23",
            where="6",
            statement=f"tests on rows tell what is {_NAMES[question]}: at most 1 in 20 calls is "
            f"wrong at {_ROWS:,} rows, and half or more of the draws of {question} are called so",
            kind="exists",
            measured={
                "share of wrong calls": share,
                f"share of draws of {question} that are called so": detected,
                "calls right, wrong, inconclusive": f"{right}, {wrong}, {undecided}",
                "law with the most wrong calls": f"{worst.table}: {worst.wrong}",
            },
            predicted="tests on data that tell them",
            margin=_WRONG - share,
            verdict=verdict,
            witness="the rules of theorycheck/advise/_likeness.py",
            over=rates[1],
            notes="Loops are looked for in the plane of the two leading components, modes in all "
            "columns. Laws other than these 13 may do worse.",
        )
    )
    assert right + wrong + undecided > 0
    assert verdict is not ClaimVerdict.REFUTED


def _share(name: str) -> Estimate:
    """Share of p(z) with such a partner; the radius is the change when the nodes are doubled."""
    model = benchmark(name)
    sigma = float(np.sqrt(model.noise_variance[0]))
    values = []
    for nodes in (_NODES, 2 * _NODES):
        z = ndtri((np.arange(nodes) + 0.5) / nodes)
        values.append(share_on_curve(model.decoder(z), sigma))
    return Estimate(values[1], abs(values[1] - values[0]) + 1.0 / _NODES)


def test_the_condition_on_the_decoder(evidence: Callable[[Evidence], Evidence]) -> None:
    names = ("figure8", "circle", "absolute_value", "spiral_dots", "clusters")
    shares = {name: _share(name) for name in names}
    margin = shares["figure8"] - _WRONG
    evidence(
        Evidence(
            claim="C23",
            where="6",
            statement="Figure-8: more than 1/20 of p(z) has a partner within 2σ that is farther "
            "than 4σ along the curve",
            kind="exists",
            measured={f"share of p(z), {name}": share for name, share in shares.items()},
            predicted="such points",
            margin=margin,
            verdict=claim_verdict(positive(margin)),
            witness="the crossing",
            over="five benchmarks; lengths along the ground truth's curve",
            notes="The condition does not single Figure-8 out: nearly all of Absolute Value, which "
            "is traced twice, and all of Clusters have such partners, and the ends of Circle. It "
            "says where posteriors have two modes, not what the ELBO makes of them; and rows "
            "cannot tell a line that is traced twice from one that is traced once.",
        )
    )
    assert positive(margin) is Verdict.HOLDS
    assert shares["spiral_dots"].upper < 0.01
    assert shares["absolute_value"].lower > 0.9
