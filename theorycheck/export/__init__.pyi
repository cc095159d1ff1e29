# The face of this room: what other rooms and users import, each name once.
from ._xarray import need_xarray as need_xarray
from ._xarray import to_xarray as to_xarray
from ._xarray import write_netcdf as write_netcdf
