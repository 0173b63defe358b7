"""One to learn from: 3x3 convolutions and max pooling, 5.3 million parameters, 553 million multiply-adds.

Score (PublicTest, one run): 68.7 % on FER2013 and 88.0 % on FER+ (8 classes), in bfloat16.
That run, and those of ``wide`` and ``dense``, were computed with these settings in PyTorch, where FER2013's labels were
also smoothed by 0.1 and gradients limited to a norm of 4. With Keras two epochs were run, see docs/accuracy.md.
Time: 6 minutes for all three together on an H200 that trained a detector too.
Command: fer-train fit --recipe plain --precision mixed_bfloat16 --data fer2013.csv --votes fer2013new.csv
"""

from train.classifier.network import plain
from train.classifier.recipes import Augmentation, Recipe

RECIPE = Recipe(
    name="plain",
    network=lambda: plain(((64, 64), (128, 128), (256, 256, 256), (512, 512)), 0.4),
    epochs=76,
    batch=256,
    learning_rate=0.08,
    average=0.9993,
    label_share=0.35,
    mixup=0.2,
    augmentation=Augmentation(far_px=(10, 40), noise=5, erase=0.25),
)
