"""The execution model: the QNX scheduler, and what runs on it."""
