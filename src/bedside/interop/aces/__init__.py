"""Task files of ACES (Xu et al., ICLR 2025), read as questions and written from them."""

from bedside.interop.aces.reading import read_aces, unused
from bedside.interop.aces.writing import write_aces

__all__ = ["read_aces", "unused", "write_aces"]
