"""A field of a JSON body goes in; its value comes out, of the type and range the API takes."""

from typing import Any, cast

from backend.local import problems


def number(body: dict[str, Any], name: str, low: float, high: float) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise problems.wrong_type(name, "a decimal", value)
    if not low <= value <= high:
        raise problems.out_of_range(name, float(value), low, high)
    return value


def whole(body: dict[str, Any], name: str, low: int, high: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise problems.wrong_type(name, "an integer", value)
    if not low <= value <= high:
        raise problems.out_of_range(name, value, low, high)
    return value


def boolean(body: dict[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise problems.wrong_type(name, "a boolean", value)
    return value


def object_in(fields: dict[str, Any], name: str, where: str) -> dict[str, Any]:
    value = fields.get(name)
    if value is None:
        raise problems.missing(where)
    if not isinstance(value, dict):
        raise problems.wrong_type(where, "an object", value)
    return cast(dict[str, Any], value)
