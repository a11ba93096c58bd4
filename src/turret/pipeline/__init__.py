"""The pipeline: from a recipe to a bundle, and what is done to a bundle afterwards."""
