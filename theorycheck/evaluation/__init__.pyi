# The face of this room: what other rooms and users import, each name once.
from ._amortisation import Encoder as Encoder
from ._amortisation import own_excess as own_excess
from ._amortisation import own_negative_elbo as own_negative_elbo
from ._judging import NEAR_OPTIMUM as NEAR_OPTIMUM
from ._judging import TOLERANCE as TOLERANCE
from ._judging import Distance as Distance
from ._judging import Judged as Judged
from ._judging import compare_with_predicted as compare_with_predicted
from ._judging import judge as judge
from ._judging import summary as summary
from ._noise_refit import own_refit as own_refit
from ._prediction import Comparison as Comparison
from ._prediction import own_evaluation as own_evaluation
from ._prediction import predicted_optima as predicted_optima
from ._seed_verdicts import agreed as agreed
from ._seed_verdicts import all_below as all_below
from ._seed_verdicts import unanimous as unanimous
