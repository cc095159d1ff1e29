"""L_S = E log (1/S) Σ w_i from nodes in z, as an integral over t = Sτ on a logarithmic scale.

    L_S = log c + ∫ (e^{−t} − φ(t/S)^S) d log t,    φ(τ) = E_q exp(−τ w/c),   any c > 0

because log a = ∫ (e^{−t} − e^{−at}) d log t (docs/theory.md; L_S is due to Burda et al. 2016).
With c = E_q w the integrand is nowhere positive (Jensen), at least −t, and analytic for
|Im log t| < π/2, so that the trapezoid rule of step h errs by 2M/(e^{2πa/h} − 1) at most: see
:func:`trapezoid_error`.

The steps are the powers of 2^{1/phases}, so that 1 − e^{−2v} = a(2 − a) with a = 1 − e^{−v} takes
every node from one octave to the next by two multiplications, without loss of relative accuracy.
The kernels take any nodes: q-masses m_i and log w_i.
"""

from __future__ import annotations

import math

from theorycheck.quadrature.kernels._exponential import exp_nonpositive
from theorycheck.quadrature.kernels._iwae_steps import (
    BLOCK,
    FAINT,
    LOG_2,
    SATURATED,
    advance,
    evidence,
    finished,
    first_step,
    integrand,
    one_minus_exp,
    schedule,
)
from theorycheck.quadrature.kernels._jit import scalar_kernel
from theorycheck.quadrature.kernels._layouts import IntegralBuffers, Rule, Vector

#: The first gives the result, and the second how far it may be off.
RESULT = Rule(phases=3, truncation=1e-17, accuracy=1e-14)
CHECK = Rule(phases=2, truncation=1e-17, accuracy=1e-11)
#: Half-width of the strip for the error of the trapezoid rule, below π/2.
_STRIP = 1.5


@scalar_kernel
def trapezoid_error(gap: float, phases: int) -> float:
    """Bound the error of the rule of step log 2/phases, for log E_q w − L_S = gap.

    For t = r e^{ib} the integrand is at most 2r, and at most e^{−r cos b} + φ(r cos b/S)^S; its
    integral along Im log t = b is at most M = 2 + E1(c) + log 1/c + E1(1) + gap with c = cos b,
    where E1(c) ≤ log(1 + 1/c) and E1(1) < 0.22.
    """
    c = math.cos(_STRIP)
    bound = 2.22 + math.log1p(1.0 / c) - math.log(c) + max(gap, 0.0)
    return 2.0 * bound / math.expm1(2.0 * math.pi * _STRIP * phases / LOG_2)


# Longer than 60 lines: the sums over active and vanished nodes go on from block to block.
@scalar_kernel
def log_mean_weight(
    mass: Vector, log_w: Vector, count: int, samples: float, rule: Rule, floor: float,
    buffers: IntegralBuffers,
) -> tuple[float, float, float, int]:  # fmt: skip
    """Return L_S, log E_q w, a bound on the error of the rule in t, and the steps taken.

    Where L_S turns out to be below `floor`, some number below it is returned instead of L_S.

    `mass` and `log_w` (≥ count,) are any nodes; `buffers` come from :func:`integral_buffers`, and
    their `absent` receives 1 − φ at the steps log τ = start + k log 2/phases.
    """
    chosen, work, absent = buffers.chosen, buffers.work, buffers.absent
    phases, truncation = rule.phases, rule.truncation
    log_mean, log_second, lowest, _unused = evidence(mass, log_w, count)
    start = first_step(samples, log_second, rule.truncation)
    weight, a = work[0], work[1]
    step = LOG_2 / phases
    total = 0.0
    done = 0
    left_out = 2.0 * truncation
    log_tau = start
    schedule(log_w, count, lowest, start - log_mean, buffers)
    active = 0
    gone = 0.0
    while True:
        active, vanished = advance(
            log_w, log_tau - log_mean, done // (BLOCK * phases), active, buffers
        )
        for i in range(active, active + vanished):
            gone += mass[chosen[i]]
        for i in range(active):
            weight[i] = mass[chosen[i]]
        for p in range(phases):
            shift = log_tau - log_mean + p * step
            for i in range(active):
                a[i] = one_minus_exp(exp_nonpositive(log_w[chosen[i]] + shift))
            tau = math.exp(log_tau + p * step)
            for j in range(BLOCK):
                sum_a = gone
                for i in range(active):
                    sum_a += weight[i] * a[i]
                    a[i] *= 2.0 - a[i]
                absent[done + j * phases + p] = sum_a
                total += integrand(sum_a, samples * tau, samples)
                tau *= 2.0
        done += BLOCK * phases
        log_tau += BLOCK * LOG_2
        last = max(1.0 - absent[done - 1], 0.0)
        # The integrand is negative: what is below the floor stays there.
        if (
            finished(last, samples, log_tau, log_mean - lowest, truncation)
            or log_mean + step * total < floor
        ):
            break
        if done + BLOCK * phases > absent.shape[0]:
            # ∫ φ^S ≤ φ^{S−1} ∫ φ from here on, and E1(v) ≤ log(1 + 1/v).
            rest = 0.0
            for i in range(count):
                rest += mass[i] * math.log1p(math.exp(min(log_mean - log_w[i] - log_tau, 700.0)))
                rest += mass[i] * max(log_mean - log_w[i] - log_tau - 700.0, 0.0)
            left_out += last ** (samples - 1.0) * rest
            break
    total *= step
    return log_mean + total, log_mean, left_out + trapezoid_error(-total, phases), done


@scalar_kernel
def expected_weights(
    mass: Vector, log_w: Vector, count: int, samples: float, rule: Rule,
    buffers: IntegralBuffers, done: int, share: Vector,
) -> None:  # fmt: skip
    """Fill ∂L_S/∂ log w_i = S E[w_i 1{z_1 = z_i} / Σ w]: the expected normalised weights.

    To be called after :func:`log_mean_weight` with the same arguments; `done` is the number
    of steps it took. `share` (count,) sums to one: for S = 1 it is the q-mass, for S → ∞ the
    posterior's. The derivative of L_S in anything that p(x, z) depends on is the sum of share
    times the derivative of log p(x, z).
    """
    absent = buffers.absent
    log_mean, log_second, _lowest, _unused = evidence(mass, log_w, count)
    start = first_step(samples, log_second, rule.truncation)
    step = LOG_2 / rule.phases
    # From here on `absent` holds S φ^{S−1} times the step.
    for k in range(done):
        phi = max(1.0 - absent[k], 0.0)
        absent[k] = samples * step * phi ** (samples - 1.0)
    for i in range(count):
        y = log_w[i] - log_mean + start
        first = max(0, int((FAINT - y) / step))
        last = min(done, int((SATURATED + 1.0 - y) / step) + 1)
        total = 0.0
        for k in range(first, last):
            v = exp_nonpositive(y + k * step)
            total += absent[k] * v * exp_nonpositive(-v)
        # Below the first step φ is 1 and e^{−v} too: a geometric series.
        total += samples * step * exp_nonpositive(y) / math.expm1(step)
        share[i] = mass[i] * total
