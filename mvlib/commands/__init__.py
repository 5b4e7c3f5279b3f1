"""The commands of ``python -m mvlib``: each a function whose parameters are its options. Imports nothing heavy."""
