"""Another strategy proposed, seen beside the one in force before it ships, and put in force by a second person."""
