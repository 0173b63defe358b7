"""What training, quantising and the daemon must agree on: the labels, in order, and the classifier's input size."""

from __future__ import annotations

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Order of every vector of emotion scores; the label numbers of FER2013."""

HEADS = ("ferplus", "fer2013")
"""What our classifier is asked about a face: what most of FER+'s annotators would see, and FER2013's label for it."""

INPUT_SIZE_PX = 48
"""Side of the square grey picture of a face that FER2013 holds and our classifier takes."""
