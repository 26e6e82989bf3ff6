"""Former home of `condensery.torch.studies`; goes when no experiment uses it."""
