"""What can be wrong with an experiment, a log or a request to the strategy, as a sentence with the place and the mend."""


class StrategyError(ValueError):
    """Something a person can mend; the message names the place and the mend."""


class CannotEvaluate(StrategyError):
    """The log cannot carry the answer: overlap is gone, probabilities are wrong, or too little has been observed."""
