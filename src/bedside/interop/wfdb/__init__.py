"""Waveforms in the WFDB format of PhysioNet: headers, samples and annotations, read from bytes."""
