"""A classifier from a Keras file to a verified release."""
