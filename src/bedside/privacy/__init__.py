"""De-identification: of tables, text and images; stand-ins; what risk of recognition is left."""
