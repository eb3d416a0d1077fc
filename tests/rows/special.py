"""Rows of special functions, against PyTorch's and the definitions that Python can compute."""

from __future__ import annotations

import math
from math import inf, nan

import numpy as np

from case import at, between, case, kink, positive, real, torch
from references import each

# A row is a line, or little more.
# fmt: off


def integral(f, low, high, points=400):
    """By Gauss and Legendre."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    half = (high - low) / 2
    return half * sum(w * f(low + half * (n + 1)) for n, w in zip(nodes, weights))


def inverse(f, y, low, high):
    """The x with f(x) = y, by halving."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if f(middle) < y else (low, middle)
    return middle


def normal_share(x):
    """The probability of less than x."""
    return math.erfc(-x / math.sqrt(2)) / 2


def normal_tail(x):
    """e^(x^2 / 2) times the probability of more than x, for large x: its asymptotic series."""
    terms = [(-1) ** k * math.prod(range(1, 2 * k, 2)) / x ** (2 * k) for k in range(8)]
    return sum(terms) / (x * math.sqrt(2 * math.pi))


NORMAL = [
    case("erfc", [real(2, 3)], each(math.erfc), torch.erfc),
    case("erfc", [between(-7, 12, 40)], each(math.erfc), torch.erfc, note="far", wrt=[]),
    kink("erfc", [at(-inf, 0, inf, nan)], each(math.erfc), torch.erfc,
         slopes=[[0, -2 / math.sqrt(math.pi), 0, nan]]),
    case("erfcx", [between(-2, 20, 2, 9)], each(lambda x: math.exp(x * x) * math.erfc(x)),
         torch.special.erfcx),
    case("erfinv", [between(-0.99, 0.99, 2, 9)],
         each(lambda x: inverse(math.erf, x, -6, 6)), torch.erfinv),
    kink("erfinv", [at(-1, 0, 1, 2)], lambda x: np.array([-inf, 0, inf, nan]), torch.erfinv),
    case("ndtr", [real(2, 3)], each(normal_share), torch.special.ndtr),
    case("ndtri", [between(0.01, 0.99, 2, 9)],
         each(lambda x: inverse(normal_share, x, -9, 9)), torch.special.ndtri),
    kink("ndtri", [at(0, 1, 2)], lambda x: np.array([-inf, inf, nan]), torch.special.ndtri),
    case("log_ndtr", [between(-4, 4, 2, 9)], each(lambda x: math.log(normal_share(x))),
         torch.special.log_ndtr),
    kink("log_ndtr", [at(-1, -200)], each(lambda x: math.log(normal_share(x)) if x > -9 else
         math.log(normal_tail(-x)) - x * x / 2), torch.special.log_ndtr, note="far"),
    case("entr", [positive(2, 3)], each(lambda x: -x * math.log(x)), torch.special.entr),
    kink("entr", [at(0, -1)], lambda x: np.array([0, -inf]), torch.special.entr, wrt=[]),
    case("xlog1py", [real(2, 3), positive(3)], each(lambda x, y: x * math.log1p(y)),
         torch.special.xlog1py),
    kink("xlog1py", [at(0, 0, 0), at(-1, -2, 3)], lambda x, y: np.zeros(3), note="zero",
         slopes=[[0, 0, math.log(4)], [0, 0, 0]]),
]


def gamma_share(a, x):
    """The lower incomplete gamma function, by its integral from 0; t = x u^4 smooths it there."""
    return integral(lambda u: 4 * u**3 * x * (x * u**4) ** (a - 1) * math.exp(-x * u**4)
                    , 0, 1) / math.gamma(a)


def psi(x):
    """The slope of ln gamma, by Gauss's integral."""
    whole = integral(lambda u: (1 - u ** (x - 1)) / (1 - u) if u < 1 else x - 1, 0, 1)
    return whole - np.euler_gamma


def hurwitz(s, q):
    """The sum, its tail as an integral between bounds that agree."""
    count = 20_000
    tail = (q + count - 0.5) ** (1 - s) / (s - 1)
    return math.fsum((q + k) ** -s for k in range(count)) + tail


def low_psi(x):
    """The same from 0 on."""
    return psi(x + 3) - 1 / x - 1 / (x + 1) - 1 / (x + 2)


def order_first(f):
    """`f(n, x)`."""
    return lambda x, n: f(n, x)


# PyTorch's second derivative of ln gamma has nine digits; where it would come in, PyTorch judges
# values alone.
GAMMA = [
    case("lgamma", [positive(2, 3)], each(math.lgamma)),
    case("lgamma", [between(-4, 9, 9)], each(math.lgamma), torch.lgamma, note="far", wrt=[]),
    kink("lgamma", [at(0, -1, inf, 1)], lambda x: np.array([inf, inf, inf, 0]), torch.lgamma,
         wrt=[]),
    case("digamma", [between(2, 9, 2, 3)], each(psi)),
    case("digamma", [between(0.1, 30, 9)], each(low_psi), torch.digamma, note="far", wrt=[]),
    case("digamma", [between(-0.9, -0.1, 4)], each(low_psi), note="negative"),
    kink("digamma", [at(0, -1)], lambda x: np.array([-inf, nan]), torch.digamma, wrt=[]),
    case("zeta", [between(4, 6, 2, 3), positive(3)], each(hurwitz), torch.special.zeta, wrt=[1]),
    *(
        case("polygamma", [positive(2, 3)], reference, judge, note=f"{n}", form=order_first, n=n)
        for n, judge, reference in [
            (0, None, lambda n, x: each(low_psi)(x)),
            (3, torch.polygamma, lambda n, x: 6 * each(hurwitz)(4.0, x)),
            (4, torch.polygamma, lambda n, x: -24 * each(hurwitz)(5.0, x)),
        ]
    ),
    case("multigammaln", [between(2, 9, 2, 3)], each(lambda x, p: p * (p - 1) / 4 * math.log(
        math.pi) + sum(math.lgamma(x - j / 2) for j in range(p))), torch.special.multigammaln,
         note="three", wrt=[], p=3),
    case("multigammaln", [between(2, 9, 2, 3)], lambda x, p: each(math.lgamma)(x), p=1),
    case("gammainc", [between(1, 6, 2, 9), between(0.1, 9, 2, 9)], each(gamma_share),
         torch.special.gammainc, wrt=[1]),
    kink("gammainc", [at(1, 1, 0, -1), at(0, inf, 1, 1)], lambda a, x: np.array([0, 1, 1, nan]),
         torch.special.gammainc, wrt=[]),
    case("gammaincc", [between(1, 6, 2, 9), between(0.1, 9, 2, 9)],
         each(lambda a, x: 1 - gamma_share(a, x)), torch.special.gammaincc, wrt=[1]),
]


def bessel(order):
    """By its integral over a circle."""
    wave = lambda x: lambda t: math.exp(x * math.cos(t)) * math.cos(order * t)  # noqa: E731
    return lambda x: integral(wave(x), 0, math.pi) / math.pi


BESSEL = [
    *(
        case(f"i{order}", [between(-9, 9, 2, 5)], each(bessel(order)), getattr(torch.special,
             f"i{order}"))
        for order in (0, 1)
    ),
    *(
        case(f"i{order}e", [between(-70, 70, 2, 5)], each(lambda x, order=order: bessel(order)(x)
             * math.exp(-abs(x))), getattr(torch.special, f"i{order}e"))
        for order in (0, 1)
    ),
    *(
        kink(name, [at(0, 1)], each(lambda x, f=f: f(x)), getattr(torch.special, name),
             slopes=[slopes])
        for name, f, slopes in [
            ("i0", bessel(0), [0, bessel(1)(1)]),
            ("i1", bessel(1), [0.5, bessel(0)(1) - bessel(1)(1)]),
        ]
    ),
]
