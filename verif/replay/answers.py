"""The RTL's answers beside those of the float network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from model.comparison.measures import (
    COMPARED_BY,
    agreement_by_kind,
    bounded_noise_ratio,
    kind_of_answer,
)
from model.graph.images import Images


def compared_answers(
    shape: tuple[int, ...], images: Images, expected: np.ndarray, answers: np.ndarray
) -> dict[str, Any]:
    """Return what a summary holds of the answers to each image.

    Parameters
    ----------
    shape
        Of one image's answer.
    images
        The images; their labels count where an answer is of classes.
    expected, answers
        (N, values) of the float network and of the RTL.

    Returns
    -------
    dict
        ``compared_by`` in words, and for each image either ``predictions``, the class by the RTL,
        by the float network and by its label, or ``fidelity``, agreement in percent and SNR in dB.
    """
    kind = kind_of_answer(shape)
    pairs = [(expected[[index]], answers[[index]]) for index in range(len(images))]
    if kind == "class":
        found = {
            "predictions": [
                {
                    "image": index,
                    "label": None if images.labels is None else int(images.labels[index]),
                    "float": int(wanted.argmax()),
                    "rtl": int(given.argmax()),
                }
                for index, (wanted, given) in enumerate(pairs)
            ]
        }
    else:
        found = {
            "fidelity": [
                {
                    "image": index,
                    "agreement": agreement_by_kind(shape, wanted, given),
                    "snr": bounded_noise_ratio(wanted, given),
                }
                for index, (wanted, given) in enumerate(pairs)
            ]
        }
    return {"compared_by": COMPARED_BY[kind]} | found


MOST_LINES = 16
"""Images that have a line each; of more, it is said how many agree."""


def describe_answers(summary: dict[str, Any]) -> Iterator[str]:
    """Yield lines on the images of a summary that holds what `compared_answers` returns."""
    predictions, fidelity = (summary.get(name, []) for name in ("predictions", "fidelity"))
    if len(predictions) > MOST_LINES:
        yield _described_many(predictions)
        return
    for row in predictions:
        label = "" if row["label"] is None else f", label {row['label']}"
        yield f"image {row['image']}: RTL {row['rtl']}, float {row['float']}{label}"
    for row in fidelity[:MOST_LINES]:
        share = row["agreement"]
        agrees = "" if share is None else f", {share:.2f} % of the pixels called the same"
        yield f"image {row['image']}: RTL against float {row['snr']:.1f} dB{agrees}"
    if len(fidelity) > MOST_LINES:
        worst = min(fidelity, key=lambda row: row["snr"])
        yield f"the worst of {len(fidelity):,} images: {worst['image']}, {worst['snr']:.1f} dB"


def _described_many(predictions: list[dict[str, Any]]) -> str:
    """Return a line on what is predicted of many images."""
    count = len(predictions)
    same = sum(row["rtl"] == row["float"] for row in predictions)
    text = f"{count:,} images: RTL and float agree on {same:,}"
    if predictions[0]["label"] is None:
        return text
    right = {
        who: sum(row[who] == row["label"] for row in predictions) / count
        for who in ("rtl", "float")
    }
    return f"{text}; top-1 {right['rtl']:.2%} by the RTL, {right['float']:.2%} by float"
