"""The formats that can be collected: each a thin reader over a codec of `bedside.interop`."""
