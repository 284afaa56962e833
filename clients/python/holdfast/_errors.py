"""What fails says why by a code."""


class HoldfastError(Exception):
    """`code` is one of the stable words of docs/reference/errors.md, as "DEADLINE_EXCEEDED". Callers look at it, never at the text."""

    def __init__(self, code, message):
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self):
        return f"{self.code}: {self.message}"
