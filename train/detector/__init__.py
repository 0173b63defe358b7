"""Workstation: photographs with boxes -> a face detector as a Keras file and its figures.

    sources -Collection-> scenes -Scene-> targets -(cells, 5)-> fit (model, network) -model.keras-> evaluate

The scenes are synthesised while the network learns: heads of portraits and of FER2013 on photographs without faces.
"""
