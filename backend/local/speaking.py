"""A chat request and the model it names go in; what that model says comes out. Pure, and slow:
callers run it outside the event loop.
"""

import json

from backend.local import judge
from backend.local.asked import ChatRequest
from backend.local.models import LocalModel
from backend.local.problems import Problem
from backend.local.reader import read
from backend.local.shapes import filled


def said(request: ChatRequest, model: LocalModel) -> str:
    """The answer's text, JSON where the request asks for JSON. Raises Problem."""
    if model.kind == "judge":
        return _judged(request)
    if model.weights is None:
        raise not_a_chat_model(model)
    answer = read(request.messages, model.weights).answer
    if request.shape is None:
        return answer
    return json.dumps(filled(request.shape, {"answer": answer}), ensure_ascii=False)


def not_a_chat_model(model: LocalModel) -> Problem:
    """OpenAI's words for a chat with a model that does not chat."""
    return Problem(
        404,
        f"{model.id} is not a chat model and thus not supported in the v1/chat/completions "
        "endpoint.",
        param="model",
    )


def _judged(request: ChatRequest) -> str:
    verdict = judge.reply([message.content for message in request.messages])
    if verdict is None:
        raise Problem(
            400,
            "local-judge answers the prompts of ragas's Faithfulness and AnswerRelevancy, and "
            "found neither in 'messages'. It is no language model; ask local-teacher instead.",
            param="messages",
            code="unknown_prompt",
        )
    if request.shape is not None:
        verdict = filled(request.shape, verdict)
    return json.dumps(verdict, ensure_ascii=False)
