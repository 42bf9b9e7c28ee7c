"""Form fields and widgets that several pages share."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget


class CodeTextarea(UnfoldAdminTextareaWidget):
    """A wide monospaced text area for markup and JSON."""

    def __init__(self, rows: int = 24) -> None:
        super().__init__({"rows": rows, "spellcheck": "false", "autocapitalize": "off", "wrap": "off"})
        self.attrs["class"] = f"{self.attrs.get('class', '')} mm-code"


class IndentedJSON(json.JSONEncoder):
    """JSON as a person wants to read and edit it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "indent": 2, "ensure_ascii": False})


class JSONTextField(forms.JSONField):
    """A JSON text area whose message says where the text stops being JSON."""

    def __init__(self, *, rows: int = 12, **kwargs: Any) -> None:
        kwargs.setdefault("encoder", IndentedJSON)
        super().__init__(widget=CodeTextarea(rows), **kwargs)

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and value.strip():
            try:
                json.loads(value)
            except json.JSONDecodeError as error:
                place = f"line {error.lineno}, column {error.colno}"
                raise forms.ValidationError(f"This is not JSON: {error.msg} at {place}.") from error
        return super().to_python(value)


class TagsField(forms.CharField):
    """Tags with commas between them, to and from a list without repetitions."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        tags = dict.fromkeys(part.strip() for part in str(value or "").split(",") if part.strip())
        if too_long := next((tag for tag in tags if len(tag) > 64), None):
            raise forms.ValidationError(f"A tag has at most 64 characters; “{too_long[:30]}…” has {len(too_long)}.")
        return list(tags)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(initial or []) != self.to_python(data)
