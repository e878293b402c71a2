"""Commands of the load test, one module each; they parse, call and print."""
