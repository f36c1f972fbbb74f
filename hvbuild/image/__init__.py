"""From artifacts to images: the SDP's tools or the vendor's script run, their result checked and recorded."""
