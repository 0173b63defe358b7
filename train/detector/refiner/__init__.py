"""Trains a refiner: the second, small network that looks again at what a detector proposes.

    detector -candidates of scenes-> crops -(pixels, targets)-> fit (training_model, network) -model.keras-> refine

MTCNN's second network, R-Net, does the same (Zhang et al. 2016, https://arxiv.org/abs/1604.02878). The detector sees a
reduced frame, the refiner the pixels of the frame itself.
"""
