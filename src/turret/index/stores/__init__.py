"""Vector databases that candidates are pushed to, and that can be searched instead of an index."""
