"""A simulated Feldera control plane: a deterministic world, the REST API over it and a story played in it."""
