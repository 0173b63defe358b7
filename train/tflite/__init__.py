"""Reads and changes .tflite files, and runs those in float."""
