"""What the paper's theorems say, checked for a model: verdicts with margins and witnesses."""
