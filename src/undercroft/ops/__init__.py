"""Telling why: what a request means and what it meets, who may do what, and what is wrong before it goes wrong."""

from undercroft.base.findings import Finding
from undercroft.ops.doctor import findings
from undercroft.ops.explain import explain
from undercroft.ops.explaining.values import Explanation
from undercroft.ops.matrix import Grant, Matrix, access_matrix

__all__ = ["Explanation", "Finding", "Grant", "Matrix", "access_matrix", "explain", "findings"]
