"""Workstation: FER2013 and FER+ -> a Keras file and its report.

    fer2013|ferplus -FaceSet-> targets -(n, 7)-> fit (recipe: network, augment) -model.keras-> evaluate -> plots

Keras 3 code that runs on any backend; TensorFlow is only what the package installs by default.
"""
