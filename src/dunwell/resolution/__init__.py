"""How it ends: promises, plans a customer can afford, restructuring, settlement within authority, the stage of a case."""
