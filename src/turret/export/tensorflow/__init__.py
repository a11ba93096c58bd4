"""A TensorFlow SavedModel of a bundle."""
