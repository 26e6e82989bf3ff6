"""Former home of names of `condensery.torch.studies`."""

from condensery.torch.studies._calibrate import calibrate_cell as calibrate_cell
