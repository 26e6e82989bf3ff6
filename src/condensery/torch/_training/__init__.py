"""Training that condenses: the regulariser R1 and the recipe."""
