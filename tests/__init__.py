"""Tests. A package, because some library in the environment calls its own `tests` too."""
