"""Key services: today a local key file."""
