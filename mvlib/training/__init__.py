"""Joint training through the virtual codec: what is trained, what a nat is worth, and the loop."""
