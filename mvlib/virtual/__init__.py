"""The differentiable codec: clip, qp → prediction → transform → quantisation → decoded clip and estimated bits."""
