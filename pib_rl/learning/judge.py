"""How good a trained network is, and how good its features are for others."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import normalized_mutual_info_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FEW = 500
NEIGHBOURS = 5


def probe(x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray, *, strength: float = 0.01,
          few: int | None = None) -> float:
    """Accuracy of logistic regression on features, a fraction.

    Args:
        x_train: Features, shape (n, d).
        y_train: Labels, shape (n,).
        x_test: Features, shape (m, d).
        y_test: Labels, shape (m,).
        strength: Inverse of the regularisation, per `LogisticRegression`'s C.
        few: Use so many of the training samples only, the first ones.
    """
    x_train, y_train = x_train[:few], y_train[:few]
    if len(np.unique(y_train)) < 2:
        return float((y_test == y_train[0]).mean())
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=200))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return float(model.fit(x_train, y_train).score(x_test, y_test))


def neighbours(x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray) -> float:
    """Accuracy of the vote of the 5 nearest training samples by cosine, a fraction."""
    model = KNeighborsClassifier(min(NEIGHBOURS, len(x_train)), metric="cosine", algorithm="brute")
    return float(model.fit(x_train, y_train).score(x_test, y_test))


def clusters(x: np.ndarray, y: np.ndarray, seed: int) -> float:
    """Normalised mutual information of k-means clusters, as many as classes, and the labels, 0..1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct features than clusters
        found = KMeans(len(np.unique(y)), n_init=4, random_state=seed).fit_predict(x)
    return float(normalized_mutual_info_score(y, found))
