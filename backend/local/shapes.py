"""What an answer must look like goes in; a Shape comes out, and answers are put into it.

Clients ask for JSON in four ways, all taken here: a tool that must be called, a JSON schema, any
JSON object, and (read as plain text) words in the prompt.
"""

from dataclasses import dataclass
from typing import Any, cast

from backend.local import problems
from backend.local.fields import object_in
from backend.local.problems import Problem
from backend.records import Message


@dataclass(frozen=True, slots=True)
class Shape:
    """The JSON an answer must take. `tool` names the function whose arguments it is."""

    schema: dict[str, Any] | None = None
    """None: any JSON object."""
    tool: str | None = None


def asked_shape(body: dict[str, Any], messages: tuple[Message, ...]) -> Shape | None:
    if body.get("functions") or body.get("function_call"):
        raise Problem(
            400, "'functions' was replaced by 'tools', which is what works here.", param="functions"
        )
    return _tool_shape(body) or _format_shape(body, messages)


def _format_shape(body: dict[str, Any], messages: tuple[Message, ...]) -> Shape | None:
    wanted = body.get("response_format")
    if wanted is None:
        return None
    if not isinstance(wanted, dict):
        raise problems.wrong_type("response_format", "an object", wanted)
    fields = cast(dict[str, Any], wanted)
    match fields.get("type"):
        case "text":
            return None
        case "json_object":
            if not any("json" in message.content.lower() for message in messages):
                raise Problem(
                    400,
                    "'messages' must contain the word 'json' in some form, to use "
                    "'response_format' of type 'json_object'.",
                    param="messages",
                )
            return Shape()
        case "json_schema":
            schema = object_in(fields, "json_schema", "response_format.json_schema")
            if not isinstance(schema.get("name"), str):
                raise problems.missing("response_format.json_schema.name")
            inner = object_in(schema, "schema", "response_format.json_schema.schema")
            return Shape(schema=inner)
        case other:
            supported = "'text', 'json_object', and 'json_schema'"
            raise problems.wrong_value("response_format.type", other, supported)


def _tool_shape(body: dict[str, Any]) -> Shape | None:
    """The function that must be called. "auto" leaves the choice here, and text is chosen."""
    functions = _functions(body)
    choice = body.get("tool_choice")
    if choice in (None, "auto", "none"):
        return None
    if not functions:
        raise Problem(
            400, "'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice"
        )
    if choice == "required":
        name = next(iter(functions))
        return Shape(schema=functions[name], tool=name)
    if not isinstance(choice, dict):
        raise problems.wrong_value("tool_choice", choice, "'none', 'auto', and 'required'")
    function = object_in(cast(dict[str, Any], choice), "function", "tool_choice.function")
    name = str(function.get("name"))
    if name not in functions:
        raise Problem(
            400,
            f"Tool choice '{name}' not found in 'tools' parameter.",
            param="tool_choice",
        )
    return Shape(schema=functions[name], tool=name)


def _functions(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Parameters' schema by name of function."""
    tools = body.get("tools")
    if tools is None:
        return {}
    if not isinstance(tools, list):
        raise problems.wrong_type("tools", "an array of objects", tools)
    functions: dict[str, dict[str, Any]] = {}
    for position, tool in enumerate(cast(list[Any], tools)):
        where = f"tools[{position}]"
        if not isinstance(tool, dict):
            raise problems.wrong_type(where, "an object", tool)
        function = object_in(cast(dict[str, Any], tool), "function", f"{where}.function")
        if not isinstance(function.get("name"), str):
            raise problems.missing(f"{where}.function.name")
        functions[str(function["name"])] = cast(dict[str, Any], function.get("parameters") or {})
    return functions


def filled(shape: Shape, reply: dict[str, Any]) -> dict[str, Any]:
    """`reply` as an object of that shape; raises Problem where the schema wants other fields.

    Text alone arrives as {"answer": text}; it goes into the schema's only string field, whatever
    that is called.
    """
    if shape.schema is None or not shape.schema.get("properties"):
        return reply
    properties = cast(dict[str, dict[str, Any]], shape.schema["properties"])
    required = cast(list[str], shape.schema.get("required", list(properties)))
    if set(required) <= set(reply) and set(reply) <= set(properties):
        return reply
    strings = [name for name in properties if properties[name].get("type") == "string"]
    if set(reply) == {"answer"} and len(strings) == 1 and set(required) <= set(strings):
        return {strings[0]: reply["answer"]}
    raise Problem(
        400,
        f"This model can fill {', '.join(sorted(reply))} and nothing else, but the schema wants "
        f"{', '.join(sorted(required)) or 'no such field'}. It is no language model.",
        param="response_format" if shape.tool is None else "tools",
        code="unsupported_schema",
    )
