"""Trains the models on a workstation: the expression classifier and the face detector.

    data -FaceSet, Photograph-> classifier | detector -model.keras-> quantize

``run`` holds what both trainings share. The code uses Keras 3 alone and runs on any of its backends; the package
installs TensorFlow.
"""
