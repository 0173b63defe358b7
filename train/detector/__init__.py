"""Trains a face detector and compares it with others.

    sources -Collection-> synthesis -Frame-> targets -(cells, 5)-> fit (training_model, network) -model.keras-> evaluate

The scenes are made while the network trains: heads of portraits, some with a face of FER2013, on photographs without
faces.
"""
