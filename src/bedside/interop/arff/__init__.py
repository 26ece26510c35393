"""ARFF, the attribute-relation file format of Weka: its header, and where its rows begin."""

from bedside.interop.arff.header import ArffHeader, read_header

__all__ = ["ArffHeader", "read_header"]
