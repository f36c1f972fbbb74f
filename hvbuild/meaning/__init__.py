"""What documents of the three languages mean: read into the types of the model."""
