"""Driver: filings in, exam questions and training examples out."""

from backend.generating.driving import Generating, Imported, Made, Order
from backend.generating.keeping import Progress

__all__ = ["Generating", "Imported", "Made", "Order", "Progress"]
