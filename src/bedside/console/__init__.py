"""The web console: small pages, rendered on the server, for one person at this machine."""
