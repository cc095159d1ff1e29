# The face of this room: what other rooms and users import, each name once.
from ._disentanglement import Disentanglement as Disentanglement
from ._disentanglement import Representation as Representation
from ._disentanglement import disentangle as disentangle
from ._disentanglement import evaluated as evaluated
from ._factor_information import FactorInformation as FactorInformation
from ._factor_information import factor_information as factor_information
from ._plane_maps import PlaneMap as PlaneMap
from ._plane_maps import coordinatewise as coordinatewise
from ._plane_maps import rotation as rotation
from ._plane_maps import twist as twist
from ._same_data import SameData as SameData
