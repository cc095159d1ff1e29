# The face of this room: what other rooms and users import, each name once.
from ._evaluation import Ball as Ball
from ._evaluation import expected_negative_elbo_ball as expected_negative_elbo_ball
from ._evaluation import kl_ball as kl_ball
from ._evaluation import log_density_ball as log_density_ball
