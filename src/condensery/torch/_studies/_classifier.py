"""Former home of names of `condensery.torch.studies`."""

from condensery.torch.studies._classifier import watch_classifier as watch_classifier
