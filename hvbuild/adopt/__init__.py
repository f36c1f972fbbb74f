"""Hand-kept files to the text of a stack."""
