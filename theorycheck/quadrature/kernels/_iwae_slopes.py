"""Derivatives of L_S in μ and log s of q, as sums over the same nodes.

With ℓ = log q, the integrand q e^{−v} of φ, v = τp(x, z)/q, has the derivatives q D1 ℓ' and
q (D2 ℓ'² + D1 ℓ'') with D1 = (1 + v) e^{−v} and D2 = (1 + v + v²) e^{−v}. No derivative of f is
needed, so f may jump. The sums run over 1 − D1 and 1 − D2, which vanish with τ: what is subtracted
are integrals of derivatives of q, zero.
"""

from __future__ import annotations

import math

from theorycheck.quadrature.kernels._exponential import exp_nonpositive
from theorycheck.quadrature.kernels._iwae_nodes import LOG_W, MASS, T
from theorycheck.quadrature.kernels._iwae_steps import (
    BLOCK,
    LOG_2,
    STEPS,
    advance,
    evidence,
    finished,
    first_step,
    integrand,
    one_minus_exp,
    schedule,
)
from theorycheck.quadrature.kernels._jit import scalar_kernel
from theorycheck.quadrature.kernels._layouts import IntegralBuffers, Matrix, Rule


# Longer than 60 lines: its eighteen sums stay in registers through every step.
@scalar_kernel
def derivatives(
    nodes: Matrix, count: int, samples: float, rule: Rule, buffers: IntegralBuffers
) -> tuple[float, float, float, float, float, float]:
    """Return −L_S and its scaled derivatives: s∂_μ, ∂_λ, s²∂²_μ, s∂_μ∂_λ, ∂²_λ, λ = log s.

    `nodes` has the rows T, MASS and LOG_W of `_iwae_nodes.py`; log w may be changed at will,
    as long as it is log p(x, z) − log q(z) with q = N(μ, s²).
    """
    chosen, work = buffers.chosen, buffers.work
    log_w, masses, t = nodes[LOG_W], nodes[MASS], nodes[T]
    log_mean, log_second, lowest, _unused = evidence(masses, log_w, count)
    phases, truncation = rule.phases, rule.truncation
    step = LOG_2 / phases
    log_tau = first_step(samples, log_second, truncation)
    a, b, v = work[0], work[1], work[2]
    m0, m1, m2 = work[3], work[4], work[5]
    q11, q12, q22 = work[6], work[7], work[8]
    total = 0.0
    g1 = 0.0
    g2 = 0.0
    h11 = 0.0
    h12 = 0.0
    h22 = 0.0
    done = 0
    schedule(log_w, count, lowest, log_tau - log_mean, buffers)
    active = 0
    # Sums over the nodes on which exp(−τw) has vanished.
    gone = 0.0
    gone_1 = 0.0
    gone_2 = 0.0
    gone_11 = 0.0
    gone_12 = 0.0
    gone_22 = 0.0
    while True:
        active, vanished = advance(
            log_w, log_tau - log_mean, done // (BLOCK * phases), active, buffers
        )
        for i in range(active, active + vanished):
            m = masses[chosen[i]]
            u = t[chosen[i]]
            gone += m
            gone_1 += m * u
            gone_2 += m * (u * u - 1.0)
            gone_11 += m * u * u
            gone_12 += m * u * (u * u - 1.0)
            gone_22 += m * (u * u - 1.0) ** 2
        for i in range(active):
            c = chosen[i]
            m0[i] = masses[c]
            m1[i] = masses[c] * t[c]
            u = t[c] * t[c] - 1.0
            m2[i] = masses[c] * u
            q11[i] = m1[i] * t[c]
            q12[i] = m1[i] * u
            q22[i] = m2[i] * u
        phi = 0.0
        for p in range(phases):
            shift = log_tau - log_mean + p * step
            for i in range(active):
                v[i] = exp_nonpositive(log_w[chosen[i]] + shift)
                a[i] = one_minus_exp(v[i])
                b[i] = exp_nonpositive(-v[i])
            tau = math.exp(log_tau + p * step)
            for _ in range(BLOCK):
                absent = gone
                c0 = gone
                c1 = gone_1
                c2 = gone_2
                d11 = gone_11
                d12 = gone_12
                d22 = gone_22
                for i in range(active):
                    first = a[i] - v[i] * b[i]
                    second = first - v[i] * v[i] * b[i]
                    absent += m0[i] * a[i]
                    c0 += m0[i] * first
                    c1 += m1[i] * first
                    c2 += m2[i] * first
                    d11 += q11[i] * second
                    d12 += q12[i] * second
                    d22 += q22[i] * second
                    # Squares of e^{−v} lose accuracy below v = 1, differences 1 − a above.
                    a[i] *= 2.0 - a[i]
                    v[i] *= 2.0
                    b[i] = 1.0 - a[i] if v[i] < 1.0 else b[i] * b[i]
                total += integrand(absent, samples * tau, samples)
                tau *= 2.0
                phi = max(1.0 - absent, 0.0)
                if phi > 0.0:
                    once = samples * phi ** (samples - 1.0)
                    twice = once * (samples - 1.0) / phi
                    g1 -= once * c1
                    g2 -= once * c2
                    h11 += twice * c1 * c1 + once * (c0 - d11)
                    h12 += twice * c1 * c2 + once * (2.0 * c1 - d12)
                    h22 += twice * c2 * c2 + once * (2.0 * (c2 + c0) - d22)
        done += BLOCK * phases
        log_tau += BLOCK * LOG_2
        largest = log_mean - lowest
        if finished(phi, samples, log_tau, largest, truncation) or done + BLOCK * phases > STEPS:
            break
    return -log_mean - step * total, step * g1, step * g2, step * h11, step * h12, step * h22
