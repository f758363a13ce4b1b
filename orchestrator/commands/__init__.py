"""The commands of ``stepfarm``, one subject a file. Each adds itself to the parser and imports late what is heavy."""
