# The package's face: what most users need, each name once.
from .estimate import Estimate as Estimate
from .estimate import Verdict as Verdict
from .inference import ExactLinearGaussian as ExactLinearGaussian
from .inference import LinearGaussianModel as LinearGaussianModel
from .inference import MeanField as MeanField
from .inference import iwae_bound as iwae_bound
from .inference import log_density as log_density
from .inference import optimal_iwae_q as optimal_iwae_q
from .inference import optimal_q as optimal_q
from .inference import posterior as posterior
from .models import Decoder as Decoder
from .models import GenerativeModel as GenerativeModel
from .models import benchmark as benchmark
from .models import from_torch_module as from_torch_module
from .models import load_model as load_model
from .objectives import decompose as decompose
from .objectives import iwae_objective as iwae_objective
from .objectives import kl_map as kl_map
from .objectives import pmo_landscape as pmo_landscape
from .optimum import Execution as Execution
from .optimum import PredictedOptimum as PredictedOptimum
from .optimum import SearchSettings as SearchSettings
from .optimum import find_optimum as find_optimum
from .quadrature import latent_panels as latent_panels
from .results import ResultCache as ResultCache
from .theorems import check_theorem1 as check_theorem1
from .theorems import check_theorem2 as check_theorem2
from .theorems import noise_curve as noise_curve
from .theorems import noise_from_loss as noise_from_loss

__version__: str
