"""Everything tenk does that is not seen: from a filing to an answer, from answers to a model."""
