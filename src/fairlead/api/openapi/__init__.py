"""The REST API as an OpenAPI 3.1 document, built from the route table; nothing here answers a request."""
