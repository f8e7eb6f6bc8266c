"""From the bytes of a file to a picture: one way for training, caching and predicting."""
