"""The quick decorator makes what the standard one makes, and makes it quicker."""

import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field, fields, is_dataclass, replace
from typing import Any

import pytest

from hvbuild import values

MAKERS: list[Callable[..., Any]] = [dataclasses.dataclass, values.dataclass]


@values.dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A value at module level, for pickling."""

    name: str
    size: int = 4
    origin: str = field(default="here", compare=False, repr=False)
    parts: list[int] = field(default_factory=list)


def made(maker: Callable[..., Any]) -> Any:
    @maker(frozen=True, slots=True, kw_only=True)
    class Thing:
        """A value."""

        name: str
        size: int = 4
        origin: str = field(default="here", compare=False, repr=False)
        parts: tuple[int, ...] = field(default_factory=tuple)

        def __post_init__(self) -> None:
            if self.size < 0:
                raise ValueError("negative")

        @property
        def double(self) -> int:
            return self.size * 2

    return Thing


@pytest.mark.parametrize("maker", MAKERS)
class TestBehaviour:
    def test_equality_and_hash_leave_out_what_is_not_compared(self, maker: Callable[..., Any]) -> None:
        thing = made(maker)
        one, two = thing(name="a", origin="x"), thing(name="a", origin="y")

        assert one == two
        assert hash(one) == hash(two)
        assert one != thing(name="b")
        assert one != "a"

    def test_repr_shows_what_is_to_be_shown(self, maker: Callable[..., Any]) -> None:
        assert repr(made(maker)(name="a")).endswith("Thing(name='a', size=4, parts=())")

    def test_defaults_factories_and_checks_run(self, maker: Callable[..., Any]) -> None:
        thing = made(maker)

        assert thing(name="a", size=3).double == 6
        assert thing(name="a").parts == ()
        with pytest.raises(ValueError, match="negative"):
            thing(name="a", size=-1)

    def test_wrong_arguments_are_refused(self, maker: Callable[..., Any]) -> None:
        thing = made(maker)
        for wrong in ({}, {"name": "a", "other": 1}):
            with pytest.raises(TypeError):
                thing(**wrong)
        with pytest.raises(TypeError):
            thing("a")

    def test_nothing_can_be_assigned_or_deleted(self, maker: Callable[..., Any]) -> None:
        one = made(maker)(name="a")
        with pytest.raises(FrozenInstanceError):
            one.name = "b"
        with pytest.raises(FrozenInstanceError):
            del one.name

    def test_the_standard_functions_work(self, maker: Callable[..., Any]) -> None:
        thing = made(maker)
        one: Any = thing(name="a", origin="x")
        other: Any = replace(one, name="b")

        assert is_dataclass(one)
        assert [each.name for each in fields(one)] == ["name", "size", "origin", "parts"]
        assert other == thing(name="b")
        assert other.origin == "x"
        assert not hasattr(one, "__dict__")

    def test_positional_values_match_by_position(self, maker: Callable[..., Any]) -> None:
        @maker(frozen=True, slots=True)
        class Pair:
            left: int
            right: int = 2

        pair: Any = Pair

        assert pair.__match_args__ == ("left", "right")
        assert pair(1).right == 2

    def test_a_value_without_fields_equals_itself(self, maker: Callable[..., Any]) -> None:
        @maker(frozen=True, slots=True, kw_only=True)
        class Empty:
            """Nothing."""

        assert Empty() == Empty()
        assert hash(Empty()) == hash(Empty())


def test_values_survive_pickling() -> None:
    one = Kept(name="a", size=2, origin="there", parts=[1])
    again = pickle.loads(pickle.dumps(one))

    assert again == one
    assert again.origin == "there"


def test_order_and_mutability_go_to_the_standard_decorator() -> None:
    @values.dataclass(frozen=True, order=True)
    class Ordered:
        at: int

    @values.dataclass
    class Open:
        at: int

    opened = Open(1)
    opened.at = 2

    assert Ordered(1) < Ordered(2)
    assert opened.at == 2
