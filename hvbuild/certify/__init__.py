"""Properties of a system and the certificate over them."""
