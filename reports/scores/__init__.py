"""How good a model's answers are, from its probabilities and the true classes alone.

Arrays in, numbers out: no file, no model. A figure that the images at hand cannot give is None.
"""
