"""Several hosts that share a database: network namespaces on one machine."""
