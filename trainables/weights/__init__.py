"""Files of pretrained weights: what is in them, what is wrong with them, where they come from.

Only a download imports Keras; all else reads files with h5py.
"""
