"""Looking for settings of a recipe by its validation part."""
