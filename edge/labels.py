"""What training, quantising and the daemon share: the labels, in order, and the classifier's input size."""

from __future__ import annotations

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Order of every vector of emotion scores; the label numbers of FER2013."""

HEADS = ("ferplus", "fer2013")
"""The outputs of our classifier: the emotion that FER+'s annotators saw in a face, and the face's FER2013 label."""

INPUT_SIZE_PX = 48
"""Side of the square grey face crop that FER2013 contains and our classifier takes."""
