"""One tenant's whole content as a file: exported, imported, and deleted (SPEC 1.1, 19)."""
