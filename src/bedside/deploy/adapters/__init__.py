"""Signing with OpenSSF model-signing."""
