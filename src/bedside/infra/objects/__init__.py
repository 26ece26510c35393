"""Object stores: bytes by digest, sealed at rest."""
