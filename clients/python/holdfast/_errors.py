"""What fails says why by a code."""


class HoldfastError(Exception):
    """Every failure of this module. `code` is one of the stable words of docs/reference/errors.md; look at it, never at the text."""

    def __init__(self, code, message):
        super().__init__(code, message)
        #: A word such as UNKNOWN_MODEL.
        self.code = code
        #: What happened and what to do.
        self.message = message

    def __str__(self):
        return f"{self.code}: {self.message}"
