"""What a person sees: the chat in the browser."""
