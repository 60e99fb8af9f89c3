"""tenk's own OpenAI-compatible server: small models that read, judge and embed with no download.

They are not language models. Nothing here is imported by the rest of tenk but through HTTP;
only the doors that start the server import `backend.local.app` and `backend.local.serving`.
"""
