"""How many are tried, where, and what survives: command line, experiment, books, stages.

The only room that knows Ray. Importing it loads neither Ray nor TensorFlow: each command imports
what it needs when it is called, so that wrong use is reported at once.
"""

__all__: list[str] = []
