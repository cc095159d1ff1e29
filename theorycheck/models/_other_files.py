"""Files that people have their networks in and that are not read: what each is, and what to do."""

from __future__ import annotations

_PICKLED = (
    "a pickle, which can run code when it is read, so it is not read: load it in a Python file of "
    "yours, where you trust it, and give file.py:name"
)
_OTHER_FRAMEWORK = (
    "not a format that is read: load it in a Python file, def f(z): return model(z[:, None]) as "
    "an array of shape (n, D), and give file.py:f"
)
#: What to say of a file, by the ending of its name.
NOT_READ = {
    **dict.fromkeys((".pkl", ".pickle", ".joblib", ".dill"), _PICKLED),
    **dict.fromkeys((".h5", ".keras", ".hdf5", ".onnx", ".msgpack"), _OTHER_FRAMEWORK),
    ".safetensors": "weights without the network that uses them: build the network in a Python "
    "file, load them into it (safetensors.torch.load_model), and give file.py:net",
    ".npy": "a single array: a table has z and f(z), as an .npz file with arrays z and f "
    "(numpy.savez('table.npz', z=z, f=f)) or as text with z in the first column",
}
