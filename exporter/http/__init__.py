"""HTTP as everybody here speaks it: the client, what opens the door, and what failures mean."""
