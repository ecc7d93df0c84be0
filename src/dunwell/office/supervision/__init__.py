"""A team lead's day: what is going on, who works what, what needs a second pair of eyes, whom to help. Nobody is ranked."""
