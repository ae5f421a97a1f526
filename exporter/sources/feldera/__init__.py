"""Feldera: a bulk poll of every status, and the history of the pipelines that changed."""
