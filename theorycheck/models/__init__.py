"""What is checked: decoders f_θ, generative models, and how a user names them."""

from theorycheck.models.benchmarks import BENCHMARKS, benchmark
from theorycheck.models.decoder import Decoder
from theorycheck.models.generative import GenerativeModel
from theorycheck.models.loading import load_model

__all__ = ["BENCHMARKS", "Decoder", "GenerativeModel", "benchmark", "load_model"]
