"""A face detector from a Keras file to a verified release."""
