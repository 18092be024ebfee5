//! Network enforcement points: MCP over stdio and streamable HTTP.
