"""Calyptia Core: a paged poll of every status, the history of what changed, and trace records."""
