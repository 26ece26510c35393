"""Keys: services that keep them (a local file, Vault, AWS KMS), and what they keep wrapped."""
