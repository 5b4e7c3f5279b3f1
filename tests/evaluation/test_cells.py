"""Finished cells: one that is damaged in any way is as good as absent, and is measured anew."""

import io

import numpy as np
import pytest

from mvlib import _store
from mvlib._files import write_sealed
from mvlib.evaluation.cells import CellStore

ARRAYS = {"bpp": np.linspace(0, 1, 600).reshape(100, 6), "psnr": np.full((100, 6), 30.5)}


@pytest.fixture
def path(tmp_path):
    CellStore(tmp_path).put("abcdef", ARRAYS)
    return tmp_path / "ab" / "cdef.npz"


def found(path):
    return CellStore(path.parent.parent).get("abcdef")


def test_what_was_put_is_got_by_another_process(path):
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found(path)[name], array)
    np.testing.assert_array_equal(np.load(path)["bpp"], ARRAYS["bpp"])  # it is still a file that NumPy reads


def test_damage_of_any_kind_counts_as_absent_and_is_mended(path):
    whole = path.read_bytes()
    method = whole.index(b"PK\x01\x02") + 10  # the entry's compression method in the directory
    flips = [method, method + 1, *range(0, len(whole), 11)]
    damaged = [bytes([*whole[:k], whole[k] ^ 1 << bit, *whole[k + 1 :]]) for k in flips for bit in (0, 5)]
    for data in (*damaged, b"", whole[:-1], whole[: len(whole) // 2], whole + b"x", whole[:-16]):
        path.write_bytes(data)
        assert found(path) is None
    store = CellStore(path.parent.parent)
    assert store.get("abcdef") is None
    store.put("abcdef", ARRAYS)
    assert path.read_bytes() == whole


def test_a_cell_of_another_make_counts_as_absent(path):
    for body in (b"", b"a text", b"PK\x03\x04"):
        write_sealed(path, body)
        assert found(path) is None
    packed = io.BytesIO()
    np.savez_compressed(packed, **ARRAYS)
    path.write_bytes(packed.getvalue())  # as cells were before they ended with a digest
    assert found(path) is None


def test_a_name_depends_on_all_that_it_is_made_of():
    parts = (1, "x264", np.zeros(3), np.zeros(3, np.float32), np.zeros((3, 1)), {"a": 1, "b": 2})
    names = {_store.digest(part) for part in parts}
    assert len(names) == len(parts) and _store.digest({"b": 2, "a": 1}) in names
