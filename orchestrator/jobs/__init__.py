"""The life of a job: states, decisions as pure functions, and the dispatch around them."""
