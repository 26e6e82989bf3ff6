"""Former home of names of `condensery.torch.studies`."""

from condensery.torch.studies._compare import Training as Training
from condensery.torch.studies._compare import compare_reductions as compare_reductions
