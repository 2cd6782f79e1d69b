"""How good a trained network is, and how good its features are for others."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import normalized_mutual_info_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FEW = 500
STRENGTH, STRENGTH_OF_FEW = 0.01, 0.3  # of the regularisation, per sample; chosen on MNIST's training images
NEIGHBOURS = 5


def scores(
    known: np.ndarray, names: np.ndarray, seen: np.ndarray, labels: np.ndarray, last: int, seed: int
) -> dict[str, float]:
    """What others make of features: a probe of all, neighbours and clusters of the ``last`` ones (0 for all).

    Args:
        known: Features to learn from, shape (n, d).
        names: Their labels, shape (n,).
        seen: Features to judge by, shape (m, d).
        labels: Their labels, shape (m,).
        last: How many of the d features, the last ones, neighbours and clusters go by.
        seed: Of the clusters.
    """
    near, far = known[:, -last:], seen[:, -last:]
    return {
        "probe_accuracy": probe(known, names, seen, labels),
        "knn_accuracy": neighbours(near, names, far, labels),
        "nmi": clusters(far, labels, seed),
    }


def probe(
    x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray, *, few: bool = False
) -> float:
    """Accuracy of a linear classifier on standardised features, a fraction: ridge regression of the classes.

    Args:
        x_train: Features, shape (n, d).
        y_train: Labels, shape (n,).
        x_test: Features, shape (m, d).
        y_test: Labels, shape (m,).
        few: Use the first 500 training samples only, with the stronger regularisation that suits so few.
    """
    return float(linear(x_train, y_train, few=few).score(x_test, y_test))


def linear(x: np.ndarray, y: np.ndarray, *, few: bool = False) -> ClassifierMixin:
    """The linear classifier of `probe`, fit to features, shape (n, d), and labels, shape (n,)."""
    strength = STRENGTH
    if few:
        x, y, strength = x[:FEW], y[:FEW], STRENGTH_OF_FEW
    if len(np.unique(y)) < 2:
        return DummyClassifier(strategy="most_frequent").fit(x, y)
    model = make_pipeline(StandardScaler(), RidgeClassifier(alpha=strength * len(x), solver="cholesky"))
    return model.fit(x, y)


def neighbours(x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray) -> float:
    """Accuracy of the vote of the 5 nearest training samples by cosine from their mean, a fraction."""
    middle = x_train.mean(0)
    model = KNeighborsClassifier(min(NEIGHBOURS, len(x_train)), metric="cosine", algorithm="brute")
    return float(model.fit(x_train - middle, y_train).score(x_test - middle, y_test))


def clusters(x: np.ndarray, y: np.ndarray, seed: int) -> float:
    """Normalised mutual information of k-means clusters, as many as classes, and the labels, 0..1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct features than clusters
        found = KMeans(len(np.unique(y)), n_init=4, random_state=seed).fit_predict(x)
    return float(normalized_mutual_info_score(y, found))
