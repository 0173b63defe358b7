"""From a frame to a window: faces, tracks, crops, emotions and their aggregate."""
