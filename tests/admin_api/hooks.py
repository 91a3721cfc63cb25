"""What schemathesis must know of the two media types of the admin API that are not JSON."""

import json

import schemathesis


@schemathesis.serializer("application/wasm")
def wasm(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.deserializer("application/x-ndjson")
def last_line(ctx, response):
    lines = [json.loads(line) for line in response.content.splitlines()]
    return lines[-1]
