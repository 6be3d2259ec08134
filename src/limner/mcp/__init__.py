"""`limner mcp`: the tools of a running limner for assistants that speak the Model Context Protocol.

A client like any other: it knows the server by its public HTTP API and a key, and nothing else of limner. `serve` runs it on
standard input and output or over HTTP, `tools` says what each tool does, `api` makes the calls.
"""
