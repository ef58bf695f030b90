"""Numbered changes of the schema, run by storage.schema.upgrade."""
