r"""The distillation law: a student's error from its size, its data and its teacher's error.

    e = T + T^-c0 * (1 + (T / (s d1))^(1/f1))^(-c1 f1) * (A N^-alpha + B D^-beta)^gamma

T is the teacher's error, s the error the student reaches alone (trained on the labels, with the
same N and D), N the student's parameters, D the examples it is distilled on.

gamma trades off against both scales and both exponents; the solver moves their products with gamma,
which the data do identify, so that gamma alone is left to shape the passage between the two terms.
"""

from __future__ import annotations

import itertools

import numpy as np

from analysis.laws.law import Array, Curve, Law, Ranges, Rows, logistic, softplus

LOG_REACH = 60.0
START_EXPONENTS = (0.2, 0.5)
START_BREAKS = (0.8, 1.2)
START_WIDTHS = (0.1, 0.5)
START_SLOPES = (1.0, 4.0)


class Distillation(Law):
    """Student error; theta = (gamma log A, gamma log B, gamma alpha, gamma beta, log gamma, c0, c1,
    log d1, log f1).
    """

    name = "distillation"
    formula = (
        r"T + T^{-c_0}\bigl(1 + (T/(s\,d_1))^{1/f_1}\bigr)^{-c_1 f_1}"
        r"\bigl(A\,N^{-\alpha} + B\,D^{-\beta}\bigr)^{\gamma}"
    )
    source = "Busbridge et al. 2025, arXiv:2502.08606, equation 8"
    monotone = False
    inputs = ("n_parameters", "n_examples", "teacher_error", "alone_error")
    names = ("A", "B", "alpha", "beta", "gamma", "c0", "c1", "d1", "f1")
    logs = (0, 1, 4, 7, 8)

    def curve(self, theta: Array, x: Array) -> Curve:
        log_n, log_d, log_t, log_s = np.log(x).T
        gamma, width = np.exp(theta[4]), np.exp(theta[8])
        part_n = theta[0] - theta[2] * log_n
        part_d = theta[1] - theta[3] * log_d
        own = gamma * np.logaddexp(part_n / gamma, part_d / gamma)
        z = (log_t - log_s - theta[7]) / width
        soft = softplus(z)
        slope = theta[6]
        gap = np.exp(np.minimum(-theta[5] * log_t - slope * width * soft + own, 700.0))

        def derivatives() -> list[Array]:
            share_n, share_d = np.exp((part_n - own) / gamma), np.exp((part_d - own) / gamma)
            share = logistic(z)
            of_log = [
                share_n,
                share_d,
                -share_n * log_n,
                -share_d * log_d,
                own - share_n * part_n - share_d * part_d,
                -log_t,
                -width * soft,
                slope * share,
                -slope * width * (soft - z * share),
            ]
            return [gap * part for part in of_log]

        return x[:, 2] + gap, derivatives

    def guesses(self, x: Array, y: Array) -> Rows:
        """A grid over exponents and break; the scale from the mean gap to the teacher."""
        log_n, log_d, log_t, log_s = np.log(x).T
        gap = np.log(np.maximum(y - x[:, 2], 1e-3 * y))
        rows = []
        grid = itertools.product(START_EXPONENTS, START_BREAKS, START_WIDTHS, START_SLOPES)
        for exponent, place, width, slope in grid:
            z = (log_t - log_s - np.log(place)) / width
            rest = float((gap + slope * width * softplus(z)).mean()) - np.log(2.0)
            log_a = rest + exponent * float(log_n.mean())
            log_b = rest + exponent * float(log_d.mean())
            row = [log_a, log_b, exponent, exponent, 0.0, 0.0, slope, np.log(place), np.log(width)]
            rows.append(row)
        return rows

    def ranges(self, x: Array, y: Array) -> Ranges:
        scale, exponent, slope, log = (
            (-LOG_REACH, LOG_REACH),
            (0.0, 5.0),
            (-20.0, 20.0),
            (-3.0, 3.0),
        )
        widths = (float(np.log(0.01)), float(np.log(5.0)))
        return [scale, scale, exponent, exponent, log, slope, slope, log, widths]

    def natural(self, theta: Array) -> Array:
        out = np.array(theta, dtype=np.float64)
        out[..., :4] /= np.exp(theta[..., 4, None])
        return super().natural(out)


LAWS = (Distillation(),)
