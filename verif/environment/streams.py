"""What an adapter says of its streams: ports, and the rules that hold there."""

from verif.engine.streams import Port, Stream

__all__ = ["Port", "Stream"]
