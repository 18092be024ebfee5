"""Reads requests of OTLP over HTTP with the definitions that the OpenTelemetry project publishes (opentelemetry-proto).

One line of JSON on standard input for each request: `{"path", "body": hex}` for the binary form, `{"json": {..}}` for a
line of a file. Prints each as the protobuf library's own JSON, field names as in the definitions; a field that the
definitions do not know is an error.
"""

import base64
import json
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def main():
    for line in sys.stdin:
        given = json.loads(line)
        if "json" in given:
            request = ExportLogsServiceRequest() if "resourceLogs" in given["json"] else ExportTraceServiceRequest()
            json_format.ParseDict(ids(given["json"]), request)
        else:
            request = {"/v1/logs": ExportLogsServiceRequest, "/v1/traces": ExportTraceServiceRequest}[given["path"]]()
            request.ParseFromString(bytes.fromhex(given["body"]))
            # What is not known would be kept aside, and written again.
            known = json_format.Parse(json_format.MessageToJson(request), type(request)())
            assert known.SerializeToString(deterministic=True) == request.SerializeToString(deterministic=True), "unknown fields"
        print(json.dumps(json_format.MessageToDict(request, preserving_proto_field_name=True)))


def ids(value):
    """OTLP writes ids in hex where protobuf's JSON has base64."""
    if isinstance(value, list):
        return [ids(item) for item in value]
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(item)).decode() if key in ("traceId", "spanId", "parentSpanId") else ids(item)
            for key, item in value.items()
        }
    return value


main()
