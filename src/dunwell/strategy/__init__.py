"""What to do: treatments, what each is worth over doing nothing, assignment under capacity, experiments, off-policy
evaluation.

Pure functions over frames. The law's answer comes in as the treatments it rules out; nothing here decides what is allowed.
"""

from dunwell.strategy.assignment import Assignment, assign

__all__ = ["Assignment", "assign"]
