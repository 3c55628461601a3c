"""A multi-tenant customer platform."""
