"""What differs between two systems, images, trees or files, told thing by thing."""
