"""Fits the weights: logistic regression with L2 on hashed features, worst windows mined, then rounded to one byte each."""
import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

import features

SIZE = 1 << features.BITS
LARGEST = 127


def matrix(texts):
    """One row for each text: counts of its features over the root of how many there are."""
    columns, values, starts = [], [], [0]
    for text in texts:
        indices, _ = features.features(text)
        unique, counts = np.unique(indices, return_counts=True)
        columns.append(unique.astype(np.int32))
        values.append((counts / np.sqrt(max(len(indices), features.COUNT_MIN))).astype(np.float32))
        starts.append(starts[-1] + len(unique))
    return csr_matrix((np.concatenate(values), np.concatenate(columns), np.array(starts)), shape=(len(texts), SIZE))


def fit(rows, labels, importance, strength, start=None, steps=80):
    """Weights and bias. `strength`: of the penalty, beside a mean loss."""
    signs = np.where(labels, 1.0, -1.0).astype(np.float32)
    share = (importance / importance.sum()).astype(np.float32)
    turned = rows.T.tocsr()

    def loss(point):
        weights, bias = point[:-1], point[-1]
        margin = signs * (rows @ weights.astype(np.float32) + np.float32(bias))
        pull = -signs * share / (1 + np.exp(np.clip(margin, -30, 30)))
        slope = np.append(turned @ pull + strength * weights, pull.sum())
        return float(share @ np.logaddexp(0, -margin)) + strength / 2 * float(weights @ weights), slope.astype(np.float64)

    point = np.zeros(SIZE + 1) if start is None else start
    return minimize(loss, point, jac=True, method="L-BFGS-B", options={"maxiter": steps}).x


def rounded(point):
    """Weights as whole numbers of one byte, and the bias on the scale of the raw score."""
    weights = point[:SIZE]
    scale = LARGEST / np.quantile(np.abs(weights[weights != 0]), 0.9998)
    whole = np.clip(np.rint(weights * scale), -LARGEST, LARGEST).astype(np.int64)
    return whole, int(round(point[SIZE] * scale * 256))
