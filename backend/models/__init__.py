"""Who runs models: clients by role over the openai SDK; names, prices and shutdown dates."""

from backend.models.catalogue import FINE_TUNING_ENDS, is_local, price, shutdown, training_price
from backend.models.clients import LocalApi, Models, open_models
from backend.models.replies import ModelCard

__all__ = [
    "FINE_TUNING_ENDS",
    "LocalApi",
    "ModelCard",
    "Models",
    "is_local",
    "open_models",
    "price",
    "shutdown",
    "training_price",
]
