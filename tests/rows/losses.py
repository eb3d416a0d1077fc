"""Rows of the losses of pairs, of sets of labels, of likelihoods, and of CTC."""

from __future__ import annotations

import numpy as np

import loss_references as ref
from case import F, at, case, just, kink, last_as, positive, real, signs, whole

# A row is a line, or little more.
# fmt: off

rows, row = real(4, 3), real(3)
sets = just([[2, 0, -1, 1], [-1, 2, 2, 2], [0, 1, 2, 3]])
truths = whole(0, 2, 3, 4, dtype=np.float64)

MARGINS = [
    case("margin_ranking_loss", [real(5), real(5), signs(5)], ref.margin_ranking,
         F.margin_ranking_loss, wrt=[0, 1]),
    case("margin_ranking_loss", [real(5), real(5), signs(5)], ref.margin_ranking,
         F.margin_ranking_loss, note="margin", wrt=[0, 1], margin=0.3, reduction="sum"),
    case("cosine_embedding_loss", [rows, rows, signs(4)], ref.cosine_embedding,
         F.cosine_embedding_loss, wrt=[0, 1]),
    case("cosine_embedding_loss", [rows, rows, signs(4)], ref.cosine_embedding,
         F.cosine_embedding_loss, note="margin", wrt=[0, 1], margin=-0.4, reduction="none"),
    case("cosine_embedding_loss", [row, row, just(-1)], ref.cosine_embedding,
         F.cosine_embedding_loss, note="single", margin=-0.9),
    case("triplet_margin_loss", [rows, rows, rows], ref.triplet, F.triplet_margin_loss),
    case("triplet_margin_loss", [rows, rows, rows], ref.triplet, F.triplet_margin_loss,
         note="options", margin=2.0, p=1.0, swap=True, reduction="none"),
    case("triplet_margin_loss", [row, row, row], ref.triplet, F.triplet_margin_loss,
         note="single"),
    case("multilabel_soft_margin_loss", [real(3, 4), truths], ref.multilabel_soft_margin,
         F.multilabel_soft_margin_loss, wrt=[0]),
    case("multilabel_soft_margin_loss", [real(3, 4), truths, positive(4)],
         ref.multilabel_soft_margin, F.multilabel_soft_margin_loss, note="weight",
         form=last_as("weight"), wrt=[0], reduction="sum"),
    case("multilabel_margin_loss", [real(3, 4), sets], ref.multilabel_margin,
         F.multilabel_margin_loss),
    case("multilabel_margin_loss", [real(3, 4), sets], ref.multilabel_margin,
         F.multilabel_margin_loss, note="none", reduction="none"),
    case("multilabel_margin_loss", [real(4), just([1, 3, -1, 0])], ref.multilabel_margin,
         F.multilabel_margin_loss, note="single"),
]

LIKELIHOODS = [
    case("poisson_nll_loss", [real(3, 4), positive(3, 4)], ref.poisson, F.poisson_nll_loss),
    case("poisson_nll_loss", [positive(3, 4), positive(3, 4)], ref.poisson, F.poisson_nll_loss,
         note="full", wrt=[0], log_input=False, full=True, reduction="none"),
    case("gaussian_nll_loss", [real(3, 4), real(3, 4), positive(3, 4)], ref.gaussian,
         F.gaussian_nll_loss),
    case("gaussian_nll_loss", [real(3, 4), real(3, 4), positive(3, 1)], ref.gaussian,
         F.gaussian_nll_loss, note="one a row", full=True, reduction="sum"),
    case("gaussian_nll_loss", [real(3, 4), real(3, 4), positive(3)], ref.gaussian,
         F.gaussian_nll_loss, note="without a dimension", reduction="none"),
]

targets = just([[1, 1], [2, 0], [2, 1]])
long, short = just([4, 3, 4]), just([2, 1, 2])

CTC = [
    case("ctc_loss", [real(4, 3, 3), targets, long, short], ref.ctc),
    case("ctc_loss", [real(4, 3, 3), just([1, 1, 2, 2, 1]), long, short], ref.ctc,
         note="one after another", reduction="none"),
    case("ctc_loss", [real(4, 3, 3), just([[0, 1], [1, 1], [0, 0]]), long, short], ref.ctc,
         note="blank", blank=2, reduction="sum"),
    case("ctc_loss", [real(4, 3), just([1, 2]), just(4), just(2)], ref.ctc, note="single",
         reduction="none"),
    case("ctc_loss", [real(3, 1, 3), just([[1]]), just([3]), just([0])], ref.ctc,
         note="nothing to say"),
    kink("ctc_loss", [real(2, 1, 3), just([[1, 1]]), just([2]), just([2])], ref.ctc,
         note="impossible", slopes=[np.zeros((2, 1, 3))], zero_infinity=True),
    kink("ctc_loss", [at([[0, -1]], [[-1, 0]]), just([[1, 1]]), just([2]), just([2])], ref.ctc,
         note="infinite", slopes=[np.zeros((2, 1, 2))]),
]
