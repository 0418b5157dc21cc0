"""A shop as a Django application: orders, customers, and the page that lists them."""
