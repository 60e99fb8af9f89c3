"""What goes wrong with a request goes in; OpenAI's status, error body and code come out.

Wordings and codes follow the public API, so that clients which look at them keep working.
"""

from typing import Any

from backend.errors import TenkError


class Problem(TenkError):
    """A request that cannot be served, as the `openai` SDK expects to hear it."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code

    @property
    def body(self) -> dict[str, Any]:
        """OpenAI's error object."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        error = {"message": str(self), "type": kind, "param": self.param, "code": self.code}
        return {"error": error}


def not_json() -> Problem:
    """The body is not a JSON object."""
    return Problem(
        400,
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't "
        "using your HTTP library correctly. The API expects a JSON payload, but what was sent "
        "was not valid JSON.)",
    )


def no_model_named() -> Problem:
    """The body names no model."""
    return Problem(400, "you must provide a model parameter")


def unknown_model(name: str) -> Problem:
    """No model of that name is served here."""
    return Problem(
        404,
        f"The model `{name}` does not exist or you do not have access to it. "
        "GET /v1/models lists those that do.",
        param="model",
        code="model_not_found",
    )


def wrong_key(given: str | None) -> Problem:
    """The key is missing, or is not the one this server was started with."""
    if not given:
        return Problem(
            401,
            "You didn't provide an API key. You need to provide your API key in an Authorization "
            "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
        )
    shown = given if len(given) < 8 else f"{given[:3]}{'*' * 8}{given[-4:]}"
    return Problem(
        401,
        f"Incorrect API key provided: {shown}. Use the key this server was started with.",
        code="invalid_api_key",
    )


def unknown_url(method: str, path: str) -> Problem:
    """No such route."""
    return Problem(404, f"Invalid URL ({method} {path})", code="unknown_url")


def wrong_method(method: str, path: str) -> Problem:
    """The route exists, for another method."""
    return Problem(
        405, f"Not allowed to {method} on {path}. (HINT: Perhaps you meant another method.)"
    )


def missing(param: str) -> Problem:
    """A parameter that must be there is not."""
    return Problem(
        400,
        f"Missing required parameter: '{param}'.",
        param=param,
        code="missing_required_parameter",
    )


def wrong_type(param: str, expected: str, found: object) -> Problem:
    """A parameter has another JSON type than the API takes."""
    return Problem(
        400,
        f"Invalid type for '{param}': expected {expected}, but got {json_type(found)} instead.",
        param=param,
        code="invalid_type",
    )


def wrong_value(param: str, found: object, supported: str) -> Problem:
    """A parameter has a value the API does not know."""
    return Problem(
        400,
        f"Invalid value: '{found}'. Supported values are: {supported}.",
        param=param,
        code="invalid_value",
    )


def out_of_range(param: str, found: float, low: float, high: float) -> Problem:
    """A number is below or above what the API takes."""
    kind = "integer" if isinstance(found, int) else "decimal"
    side, sign, bound = (
        ("below minimum", ">=", low) if found < low else ("above maximum", "<=", high)
    )
    word = "min" if found < low else "max"
    return Problem(
        400,
        f"Invalid '{param}': {kind} {side} value. Expected a value {sign} {bound}, "
        f"but got {found} instead.",
        param=param,
        code=f"{kind}_{side.split()[0]}_{word}_value",
    )


def empty_array(param: str) -> Problem:
    """A list that must hold something holds nothing."""
    return Problem(
        400,
        f"Invalid '{param}': empty array. Expected an array with minimum length 1, "
        "but got an empty array instead.",
        param=param,
        code="empty_array",
    )


def unknown_parameter(name: str) -> Problem:
    """A parameter the API has never heard of."""
    return Problem(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")


def too_long(param: str, limit: int, found: int) -> Problem:
    """More tokens than the model takes."""
    return Problem(
        400,
        f"This model's maximum context length is {limit} tokens. However, your {param} resulted "
        f"in {found} tokens. Please reduce the length of the {param}.",
        param=param,
        code="context_length_exceeded",
    )


def json_type(value: object) -> str:
    """A JSON value's type, as the API words it."""
    names: list[tuple[type | tuple[type, ...], str]] = [
        (bool, "a boolean"),
        (int, "an integer"),
        (float, "a decimal"),
        (str, "a string"),
        (list, "an array"),
        (dict, "an object"),
    ]
    return next((name for kind, name in names if isinstance(value, kind)), "null")
