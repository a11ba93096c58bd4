"""The model card: what a bundle is and how good it is, as a page of Markdown."""
