"""The parts of an explanation, each made by a file of its own; `ops/explain.py` puts them together."""
