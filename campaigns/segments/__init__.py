"""Conditions on leads: JSON in, one parameterised SQL expression out. The format: docs/marketers/segments.md."""

from campaigns.segments.compile import compile_condition, describe, validate
from campaigns.segments.counting import count, sample, time_limit
from campaigns.segments.errors import CountTimedOut, NodeError, SegmentInvalid, ValueInvalid
from campaigns.segments.fields import FieldSpec, register_field, registered_fields
from campaigns.segments.operators import Operator
from campaigns.segments.query import Operand, Query

__all__ = [
    "CountTimedOut",
    "FieldSpec",
    "NodeError",
    "Operand",
    "Operator",
    "Query",
    "SegmentInvalid",
    "ValueInvalid",
    "compile_condition",
    "count",
    "describe",
    "register_field",
    "registered_fields",
    "sample",
    "time_limit",
    "validate",
]
