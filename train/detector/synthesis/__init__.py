"""Synthesises the detector's training scenes: backdrops, sprites pasted onto them, and the camera's degradations."""
