// An empty assembly file lets the package declare the run-time's fork hooks without a body.
