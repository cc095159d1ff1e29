"""What is averaged over p(x): the decomposition, the η-partition, landscapes of the KL."""
