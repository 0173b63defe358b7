"""One to learn from: densely connected blocks, 3.5 million parameters, 689 million multiply-adds.

Score (PublicTest, one run): 69.4 % on FER2013 and 88.2 % on FER+ (8 classes), in bfloat16, see ``plain``.
Time: see ``plain``.
Command: fer-train fit --recipe dense --precision mixed_bfloat16 --data fer2013.csv --votes fer2013new.csv
"""

from dataclasses import replace

from train.classifier.network import dense
from train.classifier.recipes.plain import RECIPE as PLAIN

RECIPE = replace(PLAIN, name="dense", network=lambda: dense(64, 48, (6, 8, 8), 0.4), learning_rate=0.1)
