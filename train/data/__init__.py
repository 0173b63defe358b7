"""Reads data sets: labelled faces (FER2013, FER+) and photographs with the boxes of their faces."""
