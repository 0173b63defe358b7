"""Data sets of faces with labels, read from the layouts in which people have them."""
