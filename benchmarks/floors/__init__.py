"""What bounds the product: the database alone (D), and the framework on the database alone (F)."""
