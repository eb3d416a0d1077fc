"""Estimators among scikit-learn's tools: mixed tables, searches, workers, pickles."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from chainrule.sklearn import MLPClassifier, MLPRegressor, NetClassifier, NetRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def table(n=240):
    """Columns of numbers and categories, some of them missing, and what depends on them."""
    random = np.random.RandomState(0)
    columns = {
        "area": random.uniform(20, 200, n),
        "street": random.choice(["A", "B", "C"], n).astype(object),
        "age": random.randint(0, 90, n).astype(float),
        "heated": random.choice(["yes", "no"], n).astype(object),
    }
    price = columns["area"] / 50 + 2.0 * (columns["street"] == "B") - (columns["heated"] == "no")
    columns["area"][::17] = np.nan
    columns["street"][::23] = None
    return columns, price


@pytest.fixture(params=["pandas", "polars"])
def frames(request):
    """What makes a frame of columns."""
    return pytest.importorskip(request.param, reason=f"{request.param} is not installed").DataFrame


TABLE = {"handle_missing": True, "random_state": 0, "learning_rate_init": 0.01, "max_iter": 150}


@pytest.mark.parametrize("kind", [MLPRegressor, NetRegressor])
@pytest.mark.parametrize("categorical", ["from_dtype", ["street", "heated"], [1, 3]])
def test_a_frame_of_mixed_columns(frames, kind, categorical):
    columns, price = table()
    model = kind(categorical_features=categorical, **TABLE)
    assert model.fit(frames(columns), price).score(frames(columns), price) > 0.9
    assert list(model.feature_names_in_) == list(columns)
    assert model.n_features_in_ == 4


def test_rows_that_are_new_in_every_way(frames):
    columns, price = table()
    model = MLPRegressor(categorical_features="from_dtype", **TABLE).fit(frames(columns), price)
    row = {name: values[:4].copy() for name, values in columns.items()}
    row["street"][:] = "Z", "A", None, "B"
    row["age"][:] = np.nan
    assert np.isfinite(model.predict(frames(row))).all()
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frames({("x" if k == "age" else k): v for k, v in row.items()}))


def test_an_array_with_a_mask_of_categories():
    columns, price = table()
    X = np.array(list(columns.values()), dtype=object).T
    model = MLPRegressor(categorical_features=[False, True, False, True], **TABLE)
    assert model.fit(X, price).score(X, price) > 0.9


def test_all_columns_categories():
    columns, price = table()
    X = np.array([columns["street"], columns["heated"]], dtype=object).T
    model = MLPClassifier(categorical_features=[0, 1], random_state=0, max_iter=20)
    assert model.fit(X, price > 2).predict(X).shape == (240,)


def test_missing_numbers_are_refused_unless_handled():
    X = np.array([[1.0, 2.0], [np.nan, 1.0], [0.0, 3.0], [2.0, 2.0]])
    y = [0, 1, 0, 1]
    with pytest.raises(ValueError, match="contains NaN"):
        MLPClassifier().fit(X, y)
    model = MLPClassifier(handle_missing=True, max_iter=3, random_state=0).fit(X, y)
    assert model.__sklearn_tags__().input_tags.allow_nan
    np.testing.assert_allclose(  # where none was missing before, it is taken for the mean
        model.predict_proba([[1.0, np.nan]]), model.predict_proba([[1.0, 2.0]])
    )
    assert (model.predict_proba([[np.nan, 2.0]]) != model.predict_proba([[1.0, 2.0]])).all()
    with pytest.raises(ValueError, match="infinity"):
        model.predict([[np.inf, 1.0]])
    whole = MLPClassifier(handle_missing=True, max_iter=3, random_state=0).fit(X[2:], y[2:])
    assert np.isfinite(whole.predict_proba(X)).all()


def test_a_search_through_a_pipeline_on_a_mixed_table():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    columns, price = table(160)
    columns["area"] = np.nan_to_num(columns["area"], nan=100.0)
    frame = pandas.DataFrame(columns)
    encode = make_column_transformer(
        (StandardScaler(), ["area", "age"]),
        (OneHotEncoder(handle_unknown="ignore"), ["street", "heated"]),
    )
    model = make_pipeline(encode, MLPRegressor(random_state=0, max_iter=60))
    search = GridSearchCV(
        model,
        {
            "mlpregressor__hidden_layer_sizes": [(5,), (40,)],
            "mlpregressor__learning_rate_init": [1e-4, 1e-2],
        },
        cv=3,
    ).fit(frame, price)
    assert search.best_params_["mlpregressor__learning_rate_init"] == 1e-2
    assert search.score(frame, price) > 0.9


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_workers_give_the_numbers_of_one_process(backend):
    import joblib

    X, y = load_iris(return_X_y=True)
    model = MLPClassifier((8,), random_state=0, max_iter=12, dropout=0.1)
    alone = cross_val_score(model, X, y, cv=3)
    with joblib.parallel_backend(backend, n_jobs=2):
        shared = cross_val_score(model, X, y, cv=3)
    np.testing.assert_array_equal(shared, alone)


@pytest.mark.parametrize("kind", [MLPClassifier, NetClassifier])
def test_a_pickle_predicts_alike(kind):
    X, y = load_iris(return_X_y=True)
    names = np.array(["s", "ve", "vi"])[y]
    model = kind(random_state=0, max_iter=12, calibrate=True).fit(X, names)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert set(again.predict(X)) <= set(names)
