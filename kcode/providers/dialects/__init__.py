"""One module per family of endpoints, each setting `DIALECT`."""
