"""The ground floor: values that every storey may use, and nothing that waits, logs or reads a clock by itself."""
