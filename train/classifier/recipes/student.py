"""What ``standard`` begins as: the baseline, trained on with its own answers, twice; the mean of the two runs' weights.

Score (PublicTest, seeds 0 and 1): float 69.4 % on FER2013 and 87.0 % on FER+ (8 classes), each by its head; int8 69.5
and 87.1. The two runs alone have 68.9 and 86.8, 68.9 and 87.1 in float. Five emotions 75.8 %, four 81.7 %.
That file has a longer past than this recipe: it began from the baseline's single-headed network after another 70 epochs
with a single head, and learned from both of them, with heads fitted to their features. Those had 68.0 and 86.4,
69.0 and 86.6. The chain from an untrained network on was not run in this form.
Time: a minute for each of the eight views and 42 seconds an epoch on two cores with bfloat16, 70 minutes for both runs
after 50 for the baseline; not measured on a GPU.
Command: fer-train fit --recipe student --precision mixed_bfloat16 --data fer2013.csv --votes fer2013new.csv
"""

from dataclasses import replace

from train.classifier.recipes import Augmentation
from train.classifier.recipes.baseline import RECIPE as BASELINE

RECIPE = replace(
    BASELINE,
    name="student",
    epochs=40,
    start="baseline",
    runs=2,
    teachers=("baseline",),
    teacher_share=0.5,
    views=8,
    mixup=0.2,
    augmentation=Augmentation(erase=0.2, noise=5),
)
