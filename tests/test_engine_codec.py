"""Plain data crosses the border between two processes, nothing else; reading it runs no code."""

import json
import pickle
import struct

import pytest
import torch
from safetensors.torch import save

from course_utils.engine import codec
from course_utils.engine.codec import CodecError, Foreign, pack, unpack


def there_and_back(value):
    return unpack(pack(value))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -3,
        0.1,
        float("inf"),
        "",
        "ε_θ ∅ 数",
        [],
        {},
        [1, [2.5, {"a": None}]],
        {"loss": [0.5, 0.25], "mode": "train"},
    ],
    ids=repr,
)
def test_plain_data_comes_back_as_it_was(value):
    assert there_and_back(value) == value
    assert type(there_and_back(value)) is type(value)


def test_tuples_come_back_as_lists_and_keys_as_strings():
    assert there_and_back((1, (2,))) == [1, [2]]
    assert there_and_back({3: "three"}) == {"3": "three"}


def test_nan_comes_back_as_nan():
    value = there_and_back(float("nan"))
    assert value != value


@pytest.mark.parametrize("dtype", sorted(codec.STORABLE, key=str), ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3)], ids=str)
def test_tensors_of_every_plain_dtype_come_back_bit_by_bit(dtype, shape):
    value = (torch.arange(6)[: torch.Size(shape).numel()].reshape(shape) % 2).to(dtype)
    back = there_and_back({"x": value})["x"]
    assert back.dtype == dtype and back.shape == value.shape
    assert torch.equal(back, value)


def test_views_gradients_and_parameters_come_back_as_plain_tensors():
    grown = torch.randn(3, 2, requires_grad=True)
    values = [grown.T, (grown * 2).expand(2, 3, 2), torch.nn.Parameter(torch.ones(2)), grown[::2]]
    for value, back in zip(values, there_and_back(values), strict=True):
        assert torch.equal(value, back)
        assert type(back) is torch.Tensor and not back.requires_grad


def test_lazily_negated_and_inference_tensors_come_back():
    negated = torch.tensor([1 + 2j]).conj().imag  # negated lazily
    with torch.inference_mode():
        inferred = torch.ones(2) + 1
    assert torch.equal(there_and_back(negated), torch.tensor([-2.0]))
    assert torch.equal(there_and_back(inferred), torch.full((2,), 2.0))


def test_equal_tensors_are_stored_once():
    one, many = torch.randn(1000), [torch.randn(1000)] * 20
    assert len(pack(many)) < len(pack([one])) + 2000


def test_equal_data_gives_equal_bytes():
    def data():
        return {"b": torch.arange(5.0), "a": [1, "x", torch.eye(3)], "c": {"d": torch.zeros(0)}}

    assert pack(data()) == pack(data())


NOT_PLAIN = {
    "a meta tensor": lambda: torch.empty(3, device="meta"),
    "a sparse tensor": lambda: torch.eye(3).to_sparse(),
    "a complex tensor": lambda: torch.randn(2, 2).to(torch.complex64),
    "a huge tensor": lambda: torch.zeros(1).expand(codec.MAX_ELEMENTS + 1),
    "a nested tensor": lambda: torch.nested.nested_tensor([torch.ones(2)], layout=torch.jagged),
    "an 8-bit tensor": lambda: torch.ones(2).to(torch.float8_e4m3fn),
    "an object": object,
    "a set": lambda: {1, 2},
    "bytes": lambda: b"bytes",
    "a function": lambda: len,
    "a module": lambda: torch.nn.Linear(1, 1),
    "a number of 400 digits": lambda: 10**400,
    "a number of 9000 digits": lambda: 10**9000,
    "a complex number": lambda: 3 + 4j,
    "a range": lambda: range(3),
    "a dtype": lambda: torch.float32,
}


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_what_is_not_plain_data_is_named_and_not_stored(name):
    value = NOT_PLAIN[name]()
    back = there_and_back({"x": value})["x"]
    assert isinstance(back, Foreign)
    assert type(value).__name__ in back


def test_long_text_is_cut_and_half_characters_survive():
    assert len(there_and_back("x" * 10**6)) <= 2000
    assert there_and_back("\ud800") == "\ud800"


class LyingInt(int):
    def __int__(self):
        raise RuntimeError("no")

    __index__ = __float__ = __repr__ = __str__ = __bool__ = __int__


class LyingFloat(float):
    def __float__(self):
        raise RuntimeError("no")

    __int__ = __repr__ = __str__ = __bool__ = __float__


class LyingText(str):
    def __str__(self):
        raise RuntimeError("no")

    def __getitem__(self, _):
        raise RuntimeError("no")


class LyingList(list):
    def __iter__(self):
        raise RuntimeError("no")


class EndlessList(list):
    def __iter__(self):
        while True:
            yield 1


class LyingDict(dict):
    def items(self):
        raise SystemExit


class LyingKey:
    def __str__(self):
        raise RuntimeError("no")


class AlwaysEqual(torch.Tensor):
    """A tensor that agrees with everything it is compared with."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return True


def test_numbers_and_text_that_lie_about_themselves_are_read_as_the_builtin_they_are():
    back = there_and_back([LyingInt(3), LyingFloat(0.5), LyingText("ab")])
    assert back == [3, 0.5, "ab"]
    assert [type(value) for value in back] == [int, float, str]


@pytest.mark.parametrize("bad", ["list", "dict", "key"])
def test_containers_that_raise_when_read_are_named_and_harm_nothing_else(bad):
    value = {"list": LyingList([1]), "dict": LyingDict(a=1), "key": {LyingKey(): 1}}[bad]
    back = there_and_back({"bad": value, "good": 1})
    assert isinstance(back["bad"], Foreign)
    assert back["good"] == 1


def test_a_tensor_that_equals_everything_arrives_as_the_numbers_it_holds():
    back = there_and_back(torch.tensor([1.0, 2.0]).as_subclass(AlwaysEqual))
    assert type(back) is torch.Tensor
    assert back.tolist() == [1.0, 2.0]


def test_fake_tensors_are_not_plain_data():
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        fake = torch.ones(3)
    assert isinstance(there_and_back([fake])[0], Foreign)


def test_deep_endless_and_wide_nests_come_to_an_end():
    deep: list = []
    for _ in range(10_000):
        deep = [deep]
    cycle: list = []
    cycle.append(cycle)
    wide: list = []
    wide += [wide, wide, wide]
    for value in (deep, cycle, wide, EndlessList()):
        assert len(pack(value)) < 5 * 2**20


def hostile_blobs():
    good = pack({"x": torch.ones(2)})
    lies = {
        "an unknown tensor": {"$tensor": "7"},
        "a tensor named by a list": {"$tensor": ["0"]},
        "a dict that is none": {"$dict": 3},
        "a dict of singles": {"$dict": [[1]]},
        "a dict with a list for a key": {"$dict": [[[1], 2]]},
        "no known node": {"other": 1},
    }
    for name, node in lies.items():
        yield name, save({"0": torch.ones(1)}, metadata={"skeleton": json.dumps(node)})
    deep = "[" * 100_000 + "]" * 100_000
    yield "a deep nest", save({}, metadata={"skeleton": deep})
    yield "a skeleton that is no JSON", save({}, metadata={"skeleton": "{"})
    yield "an endless number", save({}, metadata={"skeleton": "1" * 10_000})
    yield "no skeleton", save({"0": torch.ones(1)})
    yield "nothing", b""
    yield "one byte", b"\x01"
    yield "a huge header", struct.pack("<Q", 2**63) + b"{}"
    yield "a header that is no dict", struct.pack("<Q", 2) + b"[]"
    yield "a header of nonsense", struct.pack("<Q", 4) + b"\xff\xfe{}"
    yield "half of a blob", good[: len(good) // 2]
    yield "one byte too few", good[:-1]
    yield "a pickle", pickle.dumps({"x": 1})
    header = b'{"__metadata__":{"skeleton":"1"},"0":{"dtype":"F32","shape":[1000000000000],'
    header += b'"data_offsets":[0,4]}}'
    yield "a tensor larger than its bytes", struct.pack("<Q", len(header)) + header + bytes(4)


@pytest.mark.parametrize("name", dict(hostile_blobs()))
def test_bytes_that_pack_never_wrote_raise_one_kind_of_error(name):
    with pytest.raises(CodecError):
        unpack(dict(hostile_blobs())[name])


def test_a_blob_with_any_byte_changed_is_data_or_a_codec_error():
    good = bytearray(pack({"x": torch.arange(3.0), "y": [1, "two"]}))
    for i in range(len(good)):
        for change in (0x01, 0x80):
            bad = bytes(good[:i]) + bytes([good[i] ^ change]) + bytes(good[i + 1 :])
            try:
                unpack(bad)
            except CodecError:
                continue


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("code ran while reading",))


def test_reading_a_pickle_runs_no_code():
    with pytest.raises(CodecError):
        unpack(pickle.dumps(Bomb()))
