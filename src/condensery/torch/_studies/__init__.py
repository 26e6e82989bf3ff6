"""What the built-in experiments do with PyTorch: calibration, comparison with peers."""
