"""`make bench`: how much the product does in a second, beside what bounds it."""
