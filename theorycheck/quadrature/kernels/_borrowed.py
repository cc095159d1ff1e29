"""Arrays without a reference count, for the time of a call whose caller holds them anyway.

Numba counts references whenever an array is taken from a tuple or a row from an array, by atomic
operations of 5 ns. The moments of one q make sixty of them, a third of their time; of an array
that is borrowed they do nothing.
"""

from __future__ import annotations

from typing import Any, TypeVar

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numba.np.arrayobj import make_array

_T = TypeVar("_T")


def borrowed(value: _T) -> _T:
    """Return an array, or a tuple of such, that does not own its memory; in Python, itself.

    It must not outlive the call in which it is borrowed: only arguments may be.
    """
    return value


# Any: numba's and llvmlite's objects have no types.
def _without_owner(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    if isinstance(kind, types.Array):
        array = make_array(kind)(context, builder, value)
        array.meminfo = cgutils.get_null_value(array.meminfo.type)
        array.parent = cgutils.get_null_value(array.parent.type)
        return array._getvalue()
    if isinstance(kind, types.BaseTuple):
        for i, part in enumerate(kind):
            inner = builder.extract_value(value, i)
            value = builder.insert_value(value, _without_owner(context, builder, part, inner), i)
    return value


@intrinsic  # type: ignore[untyped-decorator]
def _borrow(typing_context: Any, kind: Any) -> Any:  # noqa: ARG001
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _without_owner(context, builder, signature.args[0], args[0])

    return kind(kind), codegen


@overload(borrowed, inline="always")  # type: ignore[untyped-decorator]
def _compiled_borrowed(value: Any) -> Any:  # noqa: ARG001
    def compiled(value: Any) -> Any:
        return _borrow(value)

    return compiled
