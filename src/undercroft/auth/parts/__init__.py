"""The pure pieces of this room: given bytes, keys and a time, they answer; they wait for nothing."""
