"""What training should reach: the optimum of the bound over all decoders, without a network."""
