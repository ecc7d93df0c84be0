"""What changed in the tables of proposed strategies."""
