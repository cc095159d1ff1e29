# The face of this room: what other rooms and users import, each name once.
from ._description import TableDescription as TableDescription
from ._description import standardised as standardised
from ._geometry import gride_dimension as gride_dimension
from ._geometry import kernel_log_density as kernel_log_density
from ._geometry import local_noise as local_noise
from ._geometry import mode_prominences as mode_prominences
from ._reading import DataTable as DataTable
from ._reading import read_table as read_table
