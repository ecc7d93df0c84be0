"""A collector's day: the queue that explains its order, and one screen with the whole customer."""
