"""The journal's tables as they came to be."""
