"""C18: with more latents the ELBO is larger, a latent says less of x, and posteriors are simpler.

Setting: the data of figure8 and of clusters, D = 2, σ² held at the truth's; the decoders of K = 1
and of K = 2 latents that minimise −ELBO over all f, by the quick search, seed 0. Beside them the
optima with σ² fitted along with f (--thorough, and then also the data of a curve in five
dimensions, x = (cos 2z, sin 2z, z, z²/2, z/2), σ² = 0.05, of which D > 3 is asked).
Statement: section 5.1 of the paper: the ELBO favours models with more latents than the data need,
since posteriors are then simpler; each latent is then less informative of x.
Kind: one-sided.
Reference: section 5.1; Burda et al. 2016 for latents in use.
Measured: for each K J, MLEO and PMO, I_q(x; z_k) of every latent under the best q, its mean over k,
I_q(x; z) of all together, the same of the true posterior, and how many latents are in use.
Verdict rule: three parts, each with a verdict of its own for each of the two data sets. With K = 2
against K = 1
(a) J falls by 10 % of itself or more;
(b) the mean over k of I_q(x; z_k) falls by 10 % or more;
(c) the PMO falls by 10 % or more.
A part is verified on a data set if the fall is at least so large beyond the radii, refuted if it is
smaller beyond the radii, else inconclusive. J of an optimum is that of the best decoder found, an
upper bound: a larger fall is possible for (a) only if K = 1 was found well. That J never rises with
K is no evidence, since an unused latent costs nothing; nor is (b) evidence that a latent says less
where one is not in use, which is said beside the verdict: the mean over two of which one is unused
falls by half. (b) of the true posterior and of all latents together stand beside it.
With σ² fitted the same three parts are measured, and are no part of the verdict: at D = K a decoder
of noise near zero has J near zero, whatever its latents say.
Known before this rule was written: J of the optima with K = 1 (figure8 0.0741, clusters in C12's
note); no optimum with K = 2 of either data set.
"""
