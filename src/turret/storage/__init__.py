"""Storage: directories that are whole or not there, and the kinds of file in them."""
