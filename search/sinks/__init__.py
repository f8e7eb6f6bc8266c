"""Other programs that may follow a search, off by default: TensorBoard and MLflow."""

from search.sinks.choosing import check_sinks, open_sinks

__all__ = ["check_sinks", "open_sinks"]
