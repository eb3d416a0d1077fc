"""scikit-learn's own checks of estimators, whole, with no failure expected."""

import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.utils.estimator_checks import parametrize_with_checks

from chainrule.sklearn import MLPClassifier, MLPRegressor, NetClassifier, NetRegressor

# Fewer epochs, as scikit-learn checks its own.
ESTIMATORS = [
    MLPClassifier(max_iter=100),
    MLPRegressor(max_iter=100),
    NetClassifier(max_iter=60, learning_rate_init=0.01),
    NetRegressor(max_iter=60, learning_rate_init=0.01),
]


def none_is_expected(estimator):
    return {}


@pytest.mark.filterwarnings("ignore")  # the checks give data on purpose that are warned of
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=none_is_expected)
def test_scikit_learns_check(estimator, check):
    check(estimator)
