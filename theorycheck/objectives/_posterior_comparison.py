"""Where posteriors are simpler: KL(x) and number of modes, one decoder's against another's.

Section 4.2 (A) of the paper: at the optimum of the ELBO posteriors are simpler than the ground
truth's where p(x) is high. "Where p(x) is high" is the region {x: p(x) >= t} that holds a stated
share of the data: of all regions with that share the smallest, the highest-density region. Both
decoders are looked at at the same draws from p(x), so that differences are paired. This is the one
definition of the comparison: claims C04, C07 and C10, ``report``, ``train`` and ``judge`` use it.
What counts as a mode is said in :mod:`theorycheck.inference._posterior_modes`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theorycheck.arrays import Array, Booleans
from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Estimate, Kind, Verdict, positive
from theorycheck.inference import MODE_MASS, MODE_PROMINENCE, MeanField, count_modes, log_density
from theorycheck.models import GenerativeModel
from theorycheck.quadrature import sample_mean
from theorycheck.ruling import Ruling

#: Shares of the data that the regions of highest density hold.
SHARES = (0.1, 0.25, 0.5, 1.0)
#: The largest share of the data that still counts as "where p(x) is high".
HIGH = 0.5
#: Nats to which KL(x) is known: rounding.
_ROUNDING = 1e-12
#: Draws that fix the thresholds on p(x), other ones than those that are averaged over.
_PILOT_DRAWS = 20_000


@dataclass(frozen=True)
class Complexity:
    """How complex the posteriors of one decoder are, on average over a region.

    Parameters
    ----------
    kl : Estimate
        E[KL[q* ‖ p(z|x)]], nats.
    modes : Estimate
        E[number of modes], counted by :func:`theorycheck.inference.count_modes`:
        maxima that stand out by MODE_PROMINENCE and hold at least MODE_MASS.
    several : Estimate
        Share of the region's data with more than one such mode.
    """

    kl: Estimate
    modes: Estimate
    several: Estimate

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON."""
        return {
            "kl": self.kl.to_dict(),
            "modes": self.modes.to_dict(),
            "several": self.several.to_dict(),
        }


@dataclass(frozen=True)
class RegionComparison:
    """Two decoders' posteriors on the region of highest p(x) that holds a share of the data.

    Parameters
    ----------
    share : float
        Asked for; 1 is everywhere.
    mass : Estimate
        What the region holds of an independent sample.
    draws : int
        x looked at in the region.
    truth, other : Complexity
    kl_saved, modes_saved : Estimate
        Truth minus other, paired; positive where the other decoder's posteriors are simpler.
    simpler : Verdict
        HOLDS where KL is lower beyond the radius and modes are not more; FAILS where KL is not
        lower, or modes are more beyond the radius.
    """

    share: float
    mass: Estimate
    draws: int
    truth: Complexity
    other: Complexity
    kl_saved: Estimate
    modes_saved: Estimate
    simpler: Verdict

    @property
    def ruling(self) -> Ruling:
        """Whether posteriors are simpler here, and the weaker kind of the two differences."""
        return Ruling.of(self.simpler, [self.kl_saved, self.modes_saved])

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON."""
        return {
            "share": self.share,
            "mass": self.mass.to_dict(),
            "draws": self.draws,
            "truth": self.truth.to_dict(),
            "other": self.other.to_dict(),
            "kl_saved": self.kl_saved.to_dict(),
            "modes_saved": self.modes_saved.to_dict(),
            "simpler": self.simpler.value,
            "rests_on": self.ruling.rests_on,
        }


@dataclass(frozen=True)
class PosteriorComparison:
    """Two decoders' posteriors on nested regions of high p(x).

    Parameters
    ----------
    regions : tuple of RegionComparison
        In the order asked for.
    seed : int
        Seed of the draws.
    """

    regions: tuple[RegionComparison, ...]
    seed: int

    def at(self, share: float) -> RegionComparison:
        """Return the region that holds a share.

        Raises
        ------
        SettingError
            If it was not asked for.
        """
        for region in self.regions:
            if region.share == share:
                return region
        raise SettingError(f"the region that holds {share:g} of the data was not compared")

    @property
    def simpler_where_high(self) -> Verdict:
        """Whether posteriors are simpler on every region that holds at most HIGH of the data."""
        return self.ruling.verdict

    @property
    def ruling(self) -> Ruling:
        """The same with the kind that it rests on."""
        high = [region.ruling for region in self.regions if region.share <= HIGH]
        return ~Ruling.some(~one for one in high or [Ruling(Verdict.INCONCLUSIVE, None)])

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON."""
        return {
            "regions": [region.to_dict() for region in self.regions],
            "simpler_where_high": self.simpler_where_high.value,
            "rests_on": self.ruling.rests_on,
            "mode_mass": MODE_MASS,
            "mode_prominence": MODE_PROMINENCE,
            "seed": self.seed,
        }


def compare_posteriors(
    data: GenerativeModel | MeanField,
    other: GenerativeModel | MeanField,
    *,
    shares: Sequence[float] = SHARES,
    draws: int = 4_000,
    seed: int = 0,
) -> PosteriorComparison:
    """Compare the posteriors of a decoder with the ground truth's where p(x) is high.

    Parameters
    ----------
    data : GenerativeModel or MeanField
        The ground truth, to which p(x) belongs.
    other : GenerativeModel or MeanField
        The other decoder.
    shares : sequence of float
        What the regions hold of the data, each in (0, 1].
    draws : int
        x drawn from p(x), at least 100; a region of share r has about r times as many.
    seed : int

    Returns
    -------
    PosteriorComparison
        Radii are five standard errors: a statistical statement. KL and modes at each x are exact.

    Raises
    ------
    SettingError
        If a share or the number of draws is out of range.
    ModelError
        If the two differ in D.
    """
    fields = [part if isinstance(part, MeanField) else MeanField(part) for part in (data, other)]
    model = fields[0].model
    if fields[1].model.data_dim != model.data_dim:
        raise ModelError(
            f"{fields[1].model.name} has {fields[1].model.data_dim} data dimensions, "
            f"{model.name} has {model.data_dim}"
        )
    if not shares or any(not 0.0 < share <= 1.0 for share in shares):
        raise SettingError(f"every share must lie in (0, 1], not {list(shares)}")
    if draws < 100:
        raise SettingError(f"a comparison needs at least 100 draws, not {draws}")
    # Thresholds from other draws: given them a region is fixed, and averages over it are plain.
    pilot_seed, seed_of_draws = np.random.SeedSequence(seed).spawn(2)
    _, pilot = model.sample(_PILOT_DRAWS, np.random.default_rng(pilot_seed))
    _, x = model.sample(draws, np.random.default_rng(seed_of_draws))
    heights = log_density(fields[0].panels, pilot).value
    height = log_density(fields[0].panels, x).value
    kl = [part.kl(x) for part in fields]
    modes = [count_modes(part.panels, x).astype(float) for part in fields]
    regions = []
    for share in shares:
        lowest = -math.inf if share == 1.0 else float(np.quantile(heights, 1.0 - share))
        inside = height >= lowest
        regions.append(_region(share, inside, [v[inside] for v in kl], [v[inside] for v in modes]))
    return PosteriorComparison(tuple(regions), seed)


def _region(
    share: float, inside: Booleans, kl: Sequence[Array], modes: Sequence[Array]
) -> RegionComparison:
    mass = sample_mean(inside.astype(float), one_draw=1.0)
    if share == 1.0:
        mass = Estimate(1.0, 0.0, Kind.EXACT)
    truth, other = (
        Complexity(
            sample_mean(values, each=_ROUNDING),
            sample_mean(count, one_draw=1.0),
            sample_mean((count > 1.0).astype(np.float64), one_draw=1.0),
        )
        for values, count in zip(kl, modes, strict=True)
    )
    kl_saved = sample_mean(kl[0] - kl[1], each=2.0 * _ROUNDING)
    modes_saved = sample_mean(modes[0] - modes[1], one_draw=1.0)
    simpler = positive(kl_saved)
    if positive(modes_saved.scaled(-1.0)) is Verdict.HOLDS:
        simpler = Verdict.FAILS
    return RegionComparison(
        share, mass, int(inside.sum()), truth, other, kl_saved, modes_saved, simpler
    )
