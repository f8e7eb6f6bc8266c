"""What the pretrained backbones know of the images they were trained on; free of Keras."""

__all__ = ["IMAGENET_DEVIATION", "IMAGENET_MEAN"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Of ImageNet's training images, in red, green and blue of 0 to 1, as keras.applications has it."""

IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
"""Standard deviation of the same."""
