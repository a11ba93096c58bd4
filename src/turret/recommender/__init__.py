"""The recommender: raw queries in, the best candidates out."""
